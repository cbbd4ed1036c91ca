import { type Matrix, pairsOf } from "./matrix.js";
import type { PartitionAnalysis } from "./partition.js";
import type { Partition } from "./set-partitions.js";
import type { SolverName } from "./solve.js";
import type { PairSpread } from "./stability.js";

/** Stages as lists of the names of their disciplines. */
export type Stages = readonly (readonly string[])[];

/** One pair of disciplines in numbers. */
export interface PairReport {
  readonly pair: readonly [string, string];
  readonly discrepancy: number;
  readonly jaccard: number;
  readonly cosine: number;
  readonly synergy: number;
  /** lambda s - d: what the pair gains in one stage. */
  readonly margin: number;
  /** Share of the resamples whose optimum joins the pair; null without a bootstrap. */
  readonly together: number | null;
  /** d and s over the resamples; null without a bootstrap. */
  readonly spread: PairSpread | null;
}

/** A partition of disciplines into stages, and all that says how far it can be trusted. */
export interface PartitionReport {
  readonly disciplines: readonly {
    readonly discipline: string;
    readonly documents: number;
    readonly tokens: number;
  }[];
  /** What the numbers of d mean. */
  readonly unit: string;
  readonly lambda: number;
  /** The chosen partition. */
  readonly stages: Stages;
  /** G of the chosen partition, larger is better. */
  readonly objective: number;
  /** [k, k] in the order of `disciplines`. */
  readonly matrices: {
    readonly discrepancy: Matrix;
    readonly jaccard: Matrix;
    readonly cosine: Matrix;
    readonly synergy: Matrix;
    readonly together: Matrix | null;
  };
  readonly pairs: readonly PairReport[];
  readonly solutions: readonly {
    readonly solver: SolverName;
    readonly exact: boolean;
    readonly stages: Stages;
    readonly objective: number;
    readonly gap: number;
  }[];
  readonly stability: {
    readonly resamples: number;
    readonly recurrence: number;
    readonly frequent: readonly { readonly stages: Stages; readonly share: number }[];
  } | null;
  readonly sweep: readonly {
    readonly lambda: number;
    readonly stages: Stages;
    readonly objective: number;
    readonly chosen: boolean;
    readonly gaps: Readonly<Partial<Record<SolverName, number>>>;
  }[];
  readonly caps: readonly {
    readonly most: number;
    readonly stages: Stages;
    readonly objective: number;
  }[];
  readonly bound: readonly {
    readonly stage: readonly string[];
    readonly capacity: number;
    readonly discrepancy: number;
    readonly confidence: number;
  }[];
  readonly corollary: {
    readonly met: number;
    readonly grouped: number;
    readonly subsets: readonly {
      readonly subset: readonly string[];
      readonly synergy: number;
      readonly discrepancy: number;
      readonly capacity: number;
      readonly condition: boolean;
      readonly grouped: boolean;
    }[];
  };
  readonly control: {
    readonly sizes: readonly number[];
    readonly possible: number;
    readonly drawn: readonly { readonly stages: Stages; readonly objective: number }[];
    readonly mean: number | null;
    readonly atLeast: number | null;
  };
}

/** An analysis with the names of the disciplines in place of their numbers. */
export function partitionReport(analysis: PartitionAnalysis): PartitionReport {
  const names = analysis.disciplines;
  const named = (stage: readonly number[]): string[] => stage.map((index) => names[index]!);
  const stagesOf = (partition: Partition): Stages => partition.map(named);
  const { discrepancy, jaccard, cosine, synergy, stability, corollary, control } = analysis;
  return {
    disciplines: names.map((discipline, index) => ({
      discipline,
      documents: analysis.documents[index]!,
      tokens: analysis.tokens[index]!,
    })),
    unit: analysis.unit,
    lambda: analysis.lambda,
    stages: stagesOf(analysis.partition),
    objective: analysis.objective,
    matrices: { discrepancy, jaccard, cosine, synergy, together: stability?.together ?? null },
    pairs: pairsOf(names.length).map(([i, j], pair) => ({
      pair: [names[i]!, names[j]!],
      discrepancy: discrepancy[i]![j]!,
      jaccard: jaccard[i]![j]!,
      cosine: cosine[i]![j]!,
      synergy: synergy[i]![j]!,
      margin: analysis.margins[i]![j]!,
      together: stability?.together[i]![j] ?? null,
      spread: stability?.spread[pair] ?? null,
    })),
    solutions: analysis.solutions.map(({ partition, ...rest }) => ({ ...rest, stages: stagesOf(partition) })),
    stability:
      stability === null
        ? null
        : {
            resamples: stability.resamples,
            recurrence: stability.recurrence,
            frequent: stability.frequent.map(({ partition, share }) => ({
              stages: stagesOf(partition),
              share,
            })),
          },
    sweep: analysis.sweep.map(({ partition, ...rest }) => ({ ...rest, stages: stagesOf(partition) })),
    caps: analysis.caps.map(({ partition, ...rest }) => ({ ...rest, stages: stagesOf(partition) })),
    bound: analysis.bound.map((terms) => ({ ...terms, stage: named(terms.stage) })),
    corollary: {
      ...corollary,
      subsets: corollary.subsets.map((terms) => ({ ...terms, subset: named(terms.subset) })),
    },
    control: {
      ...control,
      drawn: control.drawn.map(({ partition, objective }) => ({ stages: stagesOf(partition), objective })),
    },
  };
}
