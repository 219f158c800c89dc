/** Settings of a server by key. */
export type Settings = Readonly<Record<string, string | number | boolean>>;

/** As a Java properties file. */
export function properties(settings: Settings): string {
  return `${Object.entries(settings)
    .map(([key, value]) => `${key}=${value}`)
    .join('\n')}\n`;
}

/** As the flat YAML that Flink reads. */
export function flatYaml(settings: Settings): string {
  return `${Object.entries(settings)
    .map(([key, value]) => `${key}: ${value}`)
    .join('\n')}\n`;
}
