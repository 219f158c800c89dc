import io.trino.server.Server;
import java.io.PrintStream;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Starts a Trino server whose only plugin is Iceberg, and prints a line when it is ready. Its settings are system
 * properties: doorbuster.iceberg is the folder of the plugin's jars, plugin.dir the folder of plugins that it makes, and
 * those of Trino itself.
 *
 * <p>Java's launcher compiles this file at each start. The published jars have neither a main class nor a plugin's list
 * of services: Trino's distribution adds both.
 */
public class TrinoServer {
  public static void main(String[] args) throws Exception {
    // Trino redirects it to its log.
    PrintStream standardOutput = System.out;
    Path plugin = Path.of(System.getProperty("plugin.dir"), "iceberg");
    linkJars(Path.of(System.getProperty("doorbuster.iceberg")), plugin);
    // A folder in a plugin is a part of its class path.
    Path services = Files.createDirectories(plugin.resolve("services/META-INF/services"));
    Files.writeString(services.resolve("io.trino.spi.Plugin"), "io.trino.plugin.iceberg.IcebergPlugin\n");
    new Server().start(System.getProperty("doorbuster.version"));
    standardOutput.println("doorbuster-trino-ready");
  }

  private static void linkJars(Path from, Path plugin) throws Exception {
    Files.createDirectories(plugin);
    try (DirectoryStream<Path> jars = Files.newDirectoryStream(from, "*.jar")) {
      for (Path jar : jars) Files.createSymbolicLink(plugin.resolve(jar.getFileName()), jar);
    }
  }
}
