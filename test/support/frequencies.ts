/** Largest difference between the distribution functions of counts and of probabilities. */
export function largestGap(counts: readonly number[], probabilities: readonly number[]): number {
  const draws = counts.reduce((a, b) => a + b, 0);
  let drawn = 0;
  let expected = 0;
  return counts.reduce((worst, count, index) => {
    drawn += count / draws;
    expected += probabilities[index]!;
    return Math.max(worst, Math.abs(drawn - expected));
  }, 0);
}

/**
 * What `largestGap` stays below with probability 1 - 1e-6: sqrt(ln(2 / 1e-6) / 2n) for n draws.
 * Source: Massart 1990, the Dvoretzky-Kiefer-Wolfowitz inequality.
 */
export function frequencyBound(draws: number): number {
  return Math.sqrt(Math.log(2 / 1e-6) / (2 * draws));
}
