import { type BoundTerms, boundTerms, type Corollary, corollary } from "./bound.js";
import { type Control, randomControl } from "./control.js";
import { checkCorpora, type Corpus, everyDocument } from "./corpus.js";
import { findDiscrepancy } from "./discrepancy.js";
import { type Matrix, symmetric } from "./matrix.js";
import { type Measures, prepareMeasures } from "./measures.js";
import { margin, objective, type ObjectiveTerms } from "./objective.js";
import type { PartitionRequest } from "./request.js";
import type { Partition } from "./set-partitions.js";
import { optimum, samePartition, type Solution, solve, type SolverName } from "./solve.js";
import { bootstrap, type PairMeasures, type Stability } from "./stability.js";

/** The optimum under one weight of the synergy. */
export interface SweepPoint {
  readonly lambda: number;
  readonly partition: Partition;
  readonly objective: number;
  /** Is it the chosen partition? */
  readonly chosen: boolean;
  /** How far each inexact solver of the request is below it. */
  readonly gaps: Readonly<Partial<Record<SolverName, number>>>;
}

/** The optimum under one cap on the stages. */
export interface CapPoint {
  /** Most stages. */
  readonly most: number;
  readonly partition: Partition;
  readonly objective: number;
}

/** All that is known about the partition of some corpora. Disciplines are numbers, in the order of the corpora. */
export interface PartitionAnalysis extends Measures {
  readonly disciplines: readonly string[];
  /** Documents and tokens of each. */
  readonly documents: readonly number[];
  readonly tokens: readonly number[];
  /** What the numbers of d mean. */
  readonly unit: string;
  readonly lambda: number;
  /** [k, k]: lambda s - d, what a pair gains in one stage; diagonal 0. */
  readonly margins: Matrix;
  /** The best of what the solvers found; of equal ones the first. */
  readonly partition: Partition;
  readonly objective: number;
  readonly solutions: readonly Solution[];
  /** Null where the request leaves the bootstrap out. */
  readonly stability: Stability | null;
  readonly sweep: readonly SweepPoint[];
  /** From 1 stage to the cap of the request. */
  readonly caps: readonly CapPoint[];
  readonly bound: readonly BoundTerms[];
  readonly corollary: Corollary;
  readonly control: Control;
}

/** Equal objectives differ by this much at most, from the order of their sums. */
const ROUNDING = 1e-12;

/** What of a request decides, beside the corpora. */
export type PartitionSettings = Omit<PartitionRequest, "kind" | "disciplines" | "corpus" | "model" | "steps">;

/** Measures corpora, partitions them by each solver of the request, and says how far the result can be trusted. `progress` is awaited after each resample. */
export async function partitionCorpora(
  corpora: readonly Corpus[],
  settings: PartitionSettings,
  progress?: (resamples: number) => void | Promise<void>,
): Promise<PartitionAnalysis> {
  checkCorpora(corpora);
  const { seed, stages, solver } = settings;
  const measure = prepareMeasures(corpora, settings);
  const measures = measure(everyDocument(corpora));
  const termsOf = ({ discrepancy, synergy }: PairMeasures, weight: number): ObjectiveTerms => ({
    discrepancy,
    synergy,
    lambda: weight,
    penalty: settings.penalty,
    radius: settings.radius,
  });
  const lambda = settings.lambda[0]!;
  const terms = termsOf(measures, lambda);
  const solutions = solve({ terms, stages, seed }, solver);
  const best = solutions.reduce((a, b) => (b.objective > a.objective + ROUNDING ? b : a));
  const { partition } = best;
  const documents = corpora.map((corpus) => corpus.documents.length);
  const heuristics = solutions.filter(({ exact }) => !exact).map((solution) => solution.solver);
  return {
    ...measures,
    disciplines: corpora.map(({ discipline }) => discipline),
    documents,
    tokens: corpora.map((corpus) => corpus.documents.reduce((total, { tokens }) => total + tokens.length, 0)),
    unit: findDiscrepancy(settings.discrepancy).unit,
    lambda,
    margins: symmetric(corpora.length, 0, (i, j) => margin(terms, i, j)),
    partition,
    objective: best.objective,
    solutions,
    stability:
      settings.bootstrap === 0
        ? null
        : await bootstrap(
            corpora,
            measure,
            (of) => optimum({ terms: termsOf(of, lambda), stages, seed }),
            partition,
            {
              resamples: settings.bootstrap,
              seed,
              ...(progress === undefined ? {} : { progress }),
            },
          ),
    sweep: [...settings.lambda]
      .sort((a, b) => a - b)
      .map((weight) => sweepPoint({ terms: termsOf(measures, weight), stages, seed }, heuristics, partition)),
    caps: Array.from({ length: stages }, (_, fewer) => {
      const found = optimum({ terms, stages: fewer + 1, seed });
      return { most: fewer + 1, partition: found, objective: objective(terms, found) };
    }),
    bound: boundTerms(partition, measures.discrepancy, settings.radius, documents),
    corollary: corollary(terms, partition),
    control: randomControl(terms, partition, settings.control, seed),
  };
}

function sweepPoint(
  problem: { readonly terms: ObjectiveTerms; readonly stages: number; readonly seed: number },
  heuristics: readonly SolverName[],
  chosen: Partition,
): SweepPoint {
  const partition = optimum(problem);
  return {
    lambda: problem.terms.lambda,
    partition,
    objective: objective(problem.terms, partition),
    chosen: samePartition(partition, chosen),
    gaps: Object.fromEntries(solve(problem, heuristics).map(({ solver, gap }) => [solver, gap])),
  };
}
