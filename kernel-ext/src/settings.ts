/** What a person can set for this kernel. */
export interface Settings {
  /** Are cells compiled with TypeScript's `strict`? */
  readonly strict: boolean;
  /** Characters that one cell may put out, at least 1. */
  readonly outputLimit: number;
}

/** Where settings take effect. */
export interface SettingsTarget {
  read(): Settings;
  /** `strict` counts from the next cell on, `outputLimit` too. */
  change(settings: Partial<Settings>): Promise<Settings>;
}
