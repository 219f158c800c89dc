import { BUCKET, type Plan, REGION } from '../plan.ts';
import type { Component } from './component.ts';
import { CONTROL_PLANE, java, s3Environment } from './jvm.ts';
import type { Settings } from './settings.ts';

export const catalog: Component = {
  image: 'catalog',
  memoryMiB: 768,
  needs: ['minio'],
  ports: ['catalog'],
  dirs: ({ workDir }) => [`${workDir}/catalog`],
  files: (plan) => ({ [`${plan.workDir}/catalog/jetty.xml`]: catalogXml(plan) }),
  command: (plan) =>
    java(plan, 'catalog', {
      classPath: [plan.artifacts.catalogClasspath],
      jvm: [
        '-Xmx384m',
        '-XX:+ExitOnOutOfMemoryError',
        ...CONTROL_PLANE,
        '-Dorg.slf4j.simpleLogger.showDateTime=true',
        '-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss,SSS',
      ],
      main: 'org.eclipse.jetty.xml.XmlConfiguration',
      args: [`${plan.workDir}/catalog/jetty.xml`],
      env: s3Environment(plan),
    }),
  ready: () => ({ kind: 'http', port: 'catalog', path: '/v1/config' }),
};

/** The catalog's database, and its access to the object store. */
function catalogProperties({ ports, network, workDir }: Plan): Settings {
  return {
    'catalog-impl': 'org.apache.iceberg.jdbc.JdbcCatalog',
    uri: `jdbc:sqlite:${workDir}/catalog/catalog.db?journal_mode=WAL`,
    'jdbc.schema-version': 'V1',
    warehouse: `s3://${BUCKET}/`,
    'io-impl': 'org.apache.iceberg.aws.s3.S3FileIO',
    's3.endpoint': `http://${network.names.minio}:${ports.minio}`,
    's3.path-style-access': true,
    'client.region': REGION,
  };
}

/**
 * The REST catalog as a Jetty configuration. The fixture's own main class listens on every address of
 * the machine; the same servlet and catalog in this configuration listen on loopback only.
 */
function catalogXml(plan: Plan): string {
  const entries = Object.entries(catalogProperties(plan))
    .map(([key, value]) => `<Entry><Item>${xml(key)}</Item><Item>${xml(value)}</Item></Entry>`)
    .join('\n                            ');
  return `<?xml version="1.0"?>
<!DOCTYPE Configure PUBLIC "-//Jetty//Configure//EN" "https://jetty.org/configure_10_0.dtd">
<Configure id="Server" class="org.eclipse.jetty.server.Server">
  <Call name="addConnector">
    <Arg>
      <New class="org.eclipse.jetty.server.ServerConnector">
        <Arg><Ref refid="Server"/></Arg>
        <Set name="host">${plan.network.bind}</Set>
        <Set name="port">${plan.ports.catalog}</Set>
      </New>
    </Arg>
  </Call>
  <Set name="handler">
    <New class="org.eclipse.jetty.ee10.servlet.ServletContextHandler">
      <Call name="addServlet">
        <Arg>
          <New class="org.eclipse.jetty.ee10.servlet.ServletHolder">
            <Arg>
              <New class="org.apache.iceberg.rest.RESTCatalogServlet">
                <Arg>
                  <New class="org.apache.iceberg.rest.RESTCatalogAdapter">
                    <Arg>
                      <Call class="org.apache.iceberg.CatalogUtil" name="buildIcebergCatalog">
                        <Arg>doorbuster</Arg>
                        <Arg>
                          <Map>
                            ${entries}
                          </Map>
                        </Arg>
                        <Arg><New class="org.apache.hadoop.conf.Configuration"/></Arg>
                      </Call>
                    </Arg>
                  </New>
                </Arg>
              </New>
            </Arg>
          </New>
        </Arg>
        <Arg>/*</Arg>
      </Call>
    </New>
  </Set>
</Configure>
`;
}

function xml(value: string | number | boolean): string {
  return String(value).replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
