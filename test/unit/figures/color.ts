/** Red, green and blue, each in [0, 1]. */
export type Rgb = readonly [number, number, number];

/** "#rrggbb" as numbers. */
export function rgb(hex: string): Rgb {
  const [, r, g, b] = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/.exec(hex) ?? [];
  if (r === undefined || g === undefined || b === undefined) throw new Error(`${hex} is no #rrggbb`);
  return [r, g, b].map((part) => parseInt(part, 16) / 255) as unknown as Rgb;
}

/** A colour of some opacity painted over another, mixed in sRGB as browsers do. */
export function over(color: Rgb, opacity: number, paper: Rgb): Rgb {
  return color.map((part, i) => opacity * part + (1 - opacity) * paper[i]!) as unknown as Rgb;
}

/** Linear light. Source: IEC 61966-2-1. */
function linear(color: Rgb): Rgb {
  return color.map((part) =>
    part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4,
  ) as unknown as Rgb;
}

function gamma(color: Rgb): Rgb {
  return color.map((part) => {
    const clipped = Math.min(1, Math.max(0, part));
    return clipped <= 0.0031308 ? 12.92 * clipped : 1.055 * clipped ** (1 / 2.4) - 0.055;
  }) as unknown as Rgb;
}

/** Contrast of two colours, in [1, 21]: (L1 + 0.05) / (L2 + 0.05), L relative luminance. Source: WCAG 2.2. */
export function contrast(a: Rgb, b: Rgb): number {
  const luminance = (color: Rgb): number => {
    const [r, g, blue] = linear(color);
    return 0.2126 * r + 0.7152 * g + 0.0722 * blue;
  };
  const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

/** Kinds of colour vision. */
export const VISIONS = ["full", "protanopia", "deuteranopia", "tritanopia"] as const;
export type Vision = (typeof VISIONS)[number];

/** Severity 1, on linear light. Source: Machado, Oliveira & Fernandes 2009. */
const MACHADO: Readonly<Record<Exclude<Vision, "full">, readonly Rgb[]>> = {
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  tritanopia: [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
};

/** A colour as a reader of that vision sees it. */
export function seenBy(color: Rgb, vision: Vision): Rgb {
  if (vision === "full") return color;
  const light = linear(color);
  return gamma(
    MACHADO[vision].map((row) =>
      row.reduce((total, weight, i) => total + weight * light[i]!, 0),
    ) as unknown as Rgb,
  );
}

/** L* a* b* for the white D65. Source: CIE 15:2004. */
export function lab(color: Rgb): Rgb {
  const [r, g, b] = linear(color);
  const x = (0.4124564 * r + 0.3575761 * g + 0.1804375 * b) / 0.95047;
  const y = 0.2126729 * r + 0.7151522 * g + 0.072175 * b;
  const z = (0.0193339 * r + 0.119192 * g + 0.9503041 * b) / 1.08883;
  const f = (t: number): number => (t > 216 / 24389 ? Math.cbrt(t) : ((24389 / 27) * t + 16) / 116);
  return [116 * f(y) - 16, 500 * (f(x) - f(y)), 200 * (f(y) - f(z))];
}

/** Difference of two colours in L* a* b*, about 1 where it is just seen. Source: CIEDE2000, Sharma, Wu & Dalal 2005. */
export function difference([l1, a1, b1]: Rgb, [l2, a2, b2]: Rgb): number {
  const radians = Math.PI / 180;
  const meanChroma = (Math.hypot(a1, b1) + Math.hypot(a2, b2)) / 2;
  const g = 0.5 * (1 - Math.sqrt(meanChroma ** 7 / (meanChroma ** 7 + 25 ** 7)));
  const polar = (a: number, b: number): [number, number] => {
    const stretched = (1 + g) * a;
    const hue = Math.atan2(b, stretched) / radians;
    return [Math.hypot(stretched, b), hue < 0 ? hue + 360 : hue];
  };
  const [c1, h1] = polar(a1, b1);
  const [c2, h2] = polar(a2, b2);
  const grey = c1 * c2 === 0;
  const turn = h2 - h1;
  const hueStep = grey ? 0 : turn > 180 ? turn - 360 : turn < -180 ? turn + 360 : turn;
  const deltaHue = 2 * Math.sqrt(c1 * c2) * Math.sin((hueStep / 2) * radians);
  const total = h1 + h2;
  const hue =
    grey || Math.abs(turn) <= 180 ? (grey ? total : total / 2) : (total + (total < 360 ? 360 : -360)) / 2;
  const l = (l1 + l2) / 2;
  const c = (c1 + c2) / 2;
  const t =
    1 -
    0.17 * Math.cos((hue - 30) * radians) +
    0.24 * Math.cos(2 * hue * radians) +
    0.32 * Math.cos((3 * hue + 6) * radians) -
    0.2 * Math.cos((4 * hue - 63) * radians);
  const sl = 1 + (0.015 * (l - 50) ** 2) / Math.sqrt(20 + (l - 50) ** 2);
  const sc = 1 + 0.045 * c;
  const sh = 1 + 0.015 * c * t;
  const rotation =
    -2 *
    Math.sqrt(c ** 7 / (c ** 7 + 25 ** 7)) *
    Math.sin(60 * Math.exp(-(((hue - 275) / 25) ** 2)) * radians);
  const [dl, dc, dh] = [(l2 - l1) / sl, (c2 - c1) / sc, deltaHue / sh];
  return Math.sqrt(dl * dl + dc * dc + dh * dh + rotation * dc * dh);
}
