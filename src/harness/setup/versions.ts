/** Major, minor and patch of a version; missing parts are 0. */
export type VersionNumber = readonly [major: number, minor: number, patch: number];

/**
 * The first version in `text`, e.g. in `Python 3.11.2` or `go1.24.8`. Without a version it returns 0.0.0,
 * which is older than any other.
 */
export function parseVersion(text: string): VersionNumber {
  const found = /(\d+)(?:\.(\d+))?(?:\.(\d+))?/.exec(text);
  return [Number(found?.[1] ?? 0), Number(found?.[2] ?? 0), Number(found?.[3] ?? 0)];
}

/** The version in the output of `java -version`; 1.8 means 8. */
export function parseJavaVersion(text: string): VersionNumber {
  const quoted = /version "([^"]+)"/.exec(text)?.[1] ?? '';
  const [major, minor, patch] = parseVersion(quoted);
  return major === 1 ? [minor, patch, 0] : [major, minor, patch];
}

/** Whether `version` is `least` or newer. */
export function atLeast(version: VersionNumber, least: VersionNumber): boolean {
  for (let part = 0; part < 3; part++) {
    if (version[part]! !== least[part]!) return version[part]! > least[part]!;
  }
  return true;
}

/** `17.0.15`. */
export function formatVersion(version: VersionNumber): string {
  return version.join('.');
}
