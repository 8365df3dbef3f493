/** Medians, spreads and fitted exponents. Pure. */

/** The value below which a share of the figures lies; one of the figures. */
export function quantile(figures, share) {
  const sorted = [...figures].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

/** The middle one; of an even number of figures, the mean of the two in the middle. */
export function median(figures) {
  const sorted = [...figures].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Median absolute deviation: half of the figures lie within this distance of their median. */
export function deviation(figures) {
  const middle = median(figures);
  return median(figures.map((figure) => Math.abs(figure - middle)));
}

/**
 * How many times a base the figures are. Where both have the same rounds, it is the median of the ratios of each round, so
 * that what the machine did meanwhile counts for both.
 */
export function ratio(figures, base) {
  if (figures.length !== base.length) return median(figures) / median(base);
  return median(figures.map((figure, round) => figure / base[round]));
}

/** The straight line that is nearest to the points, by least squares. */
export function fitLine(points) {
  const count = points.length;
  const meanX = points.reduce((sum, { x }) => sum + x, 0) / count;
  const meanY = points.reduce((sum, { y }) => sum + y, 0) / count;
  let across = 0;
  let along = 0;
  for (const { x, y } of points) {
    across += (x - meanX) * (y - meanY);
    along += (x - meanX) ** 2;
  }
  const slope = across / along;
  return { slope, intercept: meanY - slope * meanX };
}

/**
 * The exponent of the power that is nearest to the points: y = c * x ** exponent, by least squares of the logarithms. 0: the
 * size makes no difference; 1: linear. null when there are fewer than three different sizes, or a point that is not above 0.
 */
export function fitExponent(points) {
  if (new Set(points.map(({ x }) => x)).size < 3 || points.some(({ x, y }) => !(x > 0 && y > 0))) return null;
  return fitLine(points.map(({ x, y }) => ({ x: Math.log(x), y: Math.log(y) }))).slope;
}
