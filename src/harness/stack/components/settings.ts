/** Settings of a server by key. */
export type Settings = Readonly<Record<string, string | number | boolean>>;

/** Formats settings as a Java properties file. */
export function properties(settings: Settings): string {
  return `${Object.entries(settings)
    .map(([key, value]) => `${key}=${value}`)
    .join('\n')}\n`;
}

/** Formats settings as the flat YAML of Flink's configuration. */
export function flatYaml(settings: Settings): string {
  return `${Object.entries(settings)
    .map(([key, value]) => `${key}: ${value}`)
    .join('\n')}\n`;
}
