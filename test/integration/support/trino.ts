import { TRINO_JAVA, trinoJava } from '../../../src/harness/setup/trino-java.ts';

/** Why Trino cannot run here; null: it can. */
export const WITHOUT_TRINO: string | null =
  process.env.DOORBUSTER_TEST_RUNTIME === 'containers'
    ? 'it has no image, and these tests run in containers'
    : trinoJava() === null
      ? `there is no JDK of ${TRINO_JAVA} or newer; install one (Debian 13: openjdk-${TRINO_JAVA}-jdk-headless) or set TRINO_JAVA_HOME`
      : null;
