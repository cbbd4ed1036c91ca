import tseslint from "typescript-eslint";

/** Functions of Math whose last bit differs between V8 versions or processors, and the one without a seed. */
const UNPORTABLE = [
  "acos acosh asin asinh atan atan2 atanh cbrt cos cosh exp expm1 hypot",
  "log log10 log1p log2 pow random sin sinh tan tanh",
]
  .join(" ")
  .split(" ");

const MATH = UNPORTABLE.map((property) => ({
  object: "Math",
  property,
  message:
    property === "random"
      ? "Draw from a named stream of src/core/random."
      : "Its bits depend on the machine; use src/core/math.",
}));

const CLOCK = [
  { object: "Date", property: "now", message: "The clock lives in src/core/clock." },
  { object: "performance", property: "now", message: "The clock lives in src/core/clock." },
  { object: "process", property: "hrtime", message: "The clock lives in src/core/clock." },
];

/** Syntax that is wrong anywhere in the product. */
const POWER = {
  selector:
    ":matches(BinaryExpression[operator='**'], AssignmentExpression[operator='**=']):not([right.raw=/^\\d+$/])",
  message: "x ** y is Math.pow, whose bits depend on the machine; use src/core/math, or multiply.",
};
const NOW = {
  selector: "NewExpression[callee.name='Date'][arguments.length=0]",
  message: "The clock lives in src/core/clock.",
};
const LOCALE = {
  selector:
    "MemberExpression[property.name=/^(localeCompare|toLocaleString|toLocaleDateString|toLocaleTimeString|toLocaleUpperCase|toLocaleLowerCase)$/]",
  message: "Its result depends on the language of the machine; compare with < and format by hand.",
};

const HOMES = {
  "node:fs": "src/core/files",
  "node:fs/promises": "src/core/files",
  "node:child_process": "src/core/process",
};
const EFFECTS = Object.entries(HOMES).map(([name, home]) => ({ name, message: `${name} lives in ${home}.` }));

export default tseslint.config(
  {
    ignores: [
      "**/dist/**",
      "**/node_modules/**",
      "datasets/{facts,templates,models,text}/**",
      "reports/**",
      "notebooks/**",
      "test/fixtures/**",
      "test/golden/cases/**",
      "docs/api/**",
      ".lawbook/**",
      "coverage/**",
    ],
  },
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.base],
    languageOptions: {
      parserOptions: {
        project: ["src/tsconfig.json", "kernel-ext/tsconfig.json", "test/tsconfig.json"],
        tsconfigRootDir: import.meta.dirname,
      },
    },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      eqeqeq: "error",
      "no-var": "error",
      "prefer-const": "error",
      "no-console": "error",
      "no-debugger": "error",
      "no-constant-binary-expression": "error",
      "no-self-compare": "error",
      "no-unreachable-loop": "error",
      "array-callback-return": "error",
      "@typescript-eslint/await-thenable": "error",
      "@typescript-eslint/consistent-type-imports": [
        "error",
        { fixStyle: "inline-type-imports", disallowTypeAnnotations: false },
      ],
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/no-array-delete": "error",
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/no-for-in-array": "error",
      "@typescript-eslint/no-implied-eval": "error",
      "@typescript-eslint/no-misused-promises": "error",
      "@typescript-eslint/no-misused-spread": "error",
      "@typescript-eslint/no-unused-expressions": "error",
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", ignoreRestSiblings: true }],
      "@typescript-eslint/only-throw-error": "error",
      "@typescript-eslint/prefer-promise-reject-errors": "error",
      "@typescript-eslint/require-array-sort-compare": ["error", { ignoreStringArrays: true }],
      "@typescript-eslint/return-await": ["error", "error-handling-correctness-only"],
      "@typescript-eslint/switch-exhaustiveness-check": [
        "error",
        { considerDefaultExhaustiveForUnions: true },
      ],
    },
  },
  {
    files: ["src/**/*.ts", "kernel-ext/src/**/*.ts", "datasets/build/**/*.ts"],
    rules: {
      "no-restricted-properties": ["error", ...MATH, ...CLOCK],
      "no-restricted-syntax": ["error", POWER, NOW, LOCALE],
    },
  },
  {
    files: ["src/**/*.ts", "kernel-ext/src/**/*.ts"],
    ignores: ["src/core/files.ts", "src/core/process.ts"],
    rules: { "no-restricted-imports": ["error", { paths: EFFECTS }] },
  },
  {
    files: ["src/core/clock.ts"],
    rules: {
      "no-restricted-properties": ["error", ...MATH],
      "no-restricted-syntax": ["error", POWER, LOCALE],
    },
  },
  {
    // Programs speak to a terminal; so do builds and tests.
    files: ["src/cli.ts", "datasets/build/**/*.ts", "test/**/*.ts"],
    rules: { "no-console": "off" },
  },
);
