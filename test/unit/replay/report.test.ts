import { describe, expect, it } from "vitest";

import { LawbookError } from "../../../src/core/errors.js";
import { ReportBuilder, reportText } from "../../../src/replay/report.js";
import { changesBetween, trackedFiles } from "../../../src/replay/tracked.js";
import { temporaryProject } from "../../support/project.js";

describe("a report", () => {
  it("ends with 0 where nothing failed", () => {
    const report = new ReportBuilder();
    report.row("notebook", "notebooks/a.ipynb", "same", "3 code cells");
    expect(report.build().exitCode).toBe(0);
    expect(reportText(report.build())).toBe(
      "notebook  notebooks/a.ipynb  same  3 code cells\n\nEverything is as committed.",
    );
  });

  it("keeps every failure and ends with the lowest code", () => {
    const report = new ReportBuilder();
    report.row("notebook", "n", "failed", "");
    report.row("figure", "law", "differs", "figure.svg");
    for (const code of ["determinism", "figure-differs", "cell", "figure-differs"] as const) {
      report.failure("figure", "law", new LawbookError(code, `${code} here.`));
    }
    const built = report.build();
    expect(built.exitCode).toBe(10);
    expect(built.failures.map(({ exitCode }) => exitCode)).toEqual([10, 21, 21, 31]);
    expect(reportText(built)).toBe(
      [
        "figure    law  differs  figure.svg",
        "notebook  n    failed",
        "",
        "4 problems, exit code 10:",
        "",
        "[10 cell] cell here.",
        "[21 figure-differs] figure-differs here.",
        "[21 figure-differs] figure-differs here.",
        "[31 determinism] determinism here.",
      ].join("\n"),
    );
  });

  it("takes an unforeseen error for an internal one", () => {
    const report = new ReportBuilder();
    report.failure("figure", "law", new TypeError("x is undefined"));
    expect(report.build()).toMatchObject({ exitCode: 60, failures: [{ message: "law: x is undefined" }] });
  });
});

describe("tracked files", () => {
  it("tell what was changed, removed and created, and pass over what Jupyter leaves", () => {
    const project = temporaryProject();
    try {
      project.put("notebooks/a.ipynb", "a");
      project.put("datasets/facts/x.jsonl", "x");
      project.put("reports/law/figure.svg", "f");
      const before = trackedFiles(project.root);
      expect(changesBetween(before, trackedFiles(project.root))).toEqual([]);
      project.put("notebooks/a.ipynb", "b");
      project.put("notebooks/out.txt", "new");
      project.put("notebooks/.ipynb_checkpoints/a.ipynb", "copy");
      const after = { ...trackedFiles(project.root) };
      delete after["reports/law/figure.svg"];
      expect(changesBetween(before, after)).toEqual([
        "changed notebooks/a.ipynb",
        "created notebooks/out.txt",
        "removed reports/law/figure.svg",
      ]);
    } finally {
      project.remove();
    }
  });
});
