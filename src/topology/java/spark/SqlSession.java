import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpHandler;
import com.sun.net.httpserver.HttpServer;
import com.sun.management.OperatingSystemMXBean;
import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.management.ManagementFactory;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.security.MessageDigest;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.DataFrameWriter;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/**
 * A Spark session that runs SQL statements over HTTP until its process is killed. Its settings are system properties:
 * doorbuster.address and .port to listen on, .token, without which a request is refused, and those of Spark itself.
 *
 * <p>POST /rows and /parquet, with {@code {"id": …, "sql": …, "params": {…}}}. The first answers
 * {@code {"startMs": …, "endMs": …, "cpuS": …, "rows": […]}}, or with {@code "error"} instead of rows; the second sends
 * the result as one Parquet file, or status 400 and the error. POST /cancel ends the statement with this id.
 *
 * <p>Spark's own compiler, Janino, compiles this file at each start. It knows no lambdas and ignores type parameters.
 */
public class SqlSession implements HttpHandler {
  private static final ObjectMapper JSON = new ObjectMapper();

  private final SparkSession spark;
  private final String token;
  private final File dir;
  /** Ids of the statements that are running. */
  private final Set running = ConcurrentHashMap.newKeySet();
  private final OperatingSystemMXBean process = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

  private SqlSession(SparkSession spark, String token, File dir) {
    this.spark = spark;
    this.token = token;
    this.dir = dir;
  }

  public static void main(String[] args) {
    try {
      start();
    } catch (Throwable e) {
      // Threads of Spark would keep the process alive.
      e.printStackTrace();
      System.exit(1);
    }
  }

  private static void start() throws Exception {
    String address = System.getProperty("doorbuster.address");
    int port = Integer.parseInt(System.getProperty("doorbuster.port"));
    HttpServer server = HttpServer.create(new InetSocketAddress(address, port), 0);
    SparkSession spark = SparkSession.builder().getOrCreate();
    // Attaches the catalog now, and not within the first statement.
    spark.sql("SHOW NAMESPACES IN ice").collectAsList();
    File dir = new File(System.getProperty("spark.local.dir"));
    server.createContext("/", new SqlSession(spark, System.getProperty("doorbuster.token"), dir));
    server.setExecutor(Executors.newCachedThreadPool());
    server.start();
    System.out.println("doorbuster-session-ready");
  }

  public void handle(HttpExchange exchange) throws IOException {
    try {
      answer(exchange);
    } catch (Throwable e) {
      send(exchange, 400, object("error", messageOf(e)));
    } finally {
      exchange.close();
    }
  }

  private void answer(HttpExchange exchange) throws Exception {
    String shown = exchange.getRequestHeaders().getFirst("Authorization");
    if (shown == null || !MessageDigest.isEqual(bytes(shown), bytes(token))) {
      send(exchange, 403, object("error", "wrong token"));
      return;
    }
    Map request = (Map) JSON.readValue(exchange.getRequestBody(), Map.class);
    String id = (String) request.get("id");
    String path = exchange.getRequestURI().getPath();
    if (path.equals("/cancel")) {
      cancel(id);
      send(exchange, 200, "{}");
      return;
    }
    running.add(id);
    try {
      spark.sparkContext().setJobGroup(id, id, true);
      if (path.equals("/parquet")) sendParquet(exchange, request);
      else send(exchange, 200, rows(request));
    } finally {
      running.remove(id);
    }
  }

  /** A statement can be between two jobs, or before its first one: it is cancelled until it has ended. */
  private void cancel(String id) throws InterruptedException {
    while (running.contains(id)) {
      spark.sparkContext().cancelJobGroup(id);
      Thread.sleep(50);
    }
  }

  private Dataset run(Map request) {
    String sql = (String) request.get("sql");
    Map params = (Map) request.get("params");
    return params.isEmpty() ? spark.sql(sql) : spark.sql(sql, params);
  }

  private String rows(Map request) {
    long startMs = System.currentTimeMillis();
    long started = System.nanoTime();
    long cpu = process.getProcessCpuTime();
    StringBuilder text = new StringBuilder();
    String rows = null;
    String error = null;
    try {
      List found = run(request).collectAsList();
      for (Iterator each = found.iterator(); each.hasNext();) {
        if (text.length() > 0) text.append(',');
        text.append(((Row) each.next()).json());
      }
      rows = "\"rows\":[" + text + "]";
    } catch (Throwable e) {
      error = messageOf(e);
    }
    double endMs = startMs + (System.nanoTime() - started) / 1e6;
    double cpuS = (process.getProcessCpuTime() - cpu) / 1e9;
    String times = "{\"startMs\":" + startMs + ",\"endMs\":" + endMs + ",\"cpuS\":" + cpuS + ",";
    return times + (rows == null ? "\"error\":" + quoted(error) : rows) + "}";
  }

  private void sendParquet(HttpExchange exchange, Map request) throws Exception {
    File folder = Files.createTempDirectory(dir.toPath(), "parquet-").toFile();
    try {
      // One file, whose columns are as in the table; its rows are read and sorted out by all threads.
      DataFrameWriter writer = run(request).repartition(1).write();
      writer.mode("overwrite");
      writer.parquet("file://" + folder.getPath());
      File file = parquetIn(folder);
      exchange.sendResponseHeaders(200, file.length());
      OutputStream body = exchange.getResponseBody();
      Files.copy(file.toPath(), body);
      body.close();
    } finally {
      File[] left = folder.listFiles();
      for (int i = 0; left != null && i < left.length; i++) left[i].delete();
      folder.delete();
    }
  }

  private static File parquetIn(File folder) throws IOException {
    File[] files = folder.listFiles();
    for (int i = 0; files != null && i < files.length; i++) {
      if (files[i].getName().endsWith(".parquet")) return files[i];
    }
    throw new IOException("Spark wrote no Parquet file to " + folder);
  }

  private static void send(HttpExchange exchange, int status, String text) throws IOException {
    // Headers can only be sent once: a failure while a body is sent closes the connection, which the client sees.
    if (exchange.getResponseCode() != -1) return;
    byte[] body = bytes(text);
    exchange.getResponseHeaders().set("Content-Type", "application/json");
    exchange.sendResponseHeaders(status, body.length);
    exchange.getResponseBody().write(body);
  }

  private static String object(String name, String value) {
    return "{" + quoted(name) + ":" + quoted(value) + "}";
  }

  private static String quoted(String text) {
    try {
      return JSON.writeValueAsString(text);
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  /** The first line of the message of the innermost cause: Spark appends the plan. */
  private static String messageOf(Throwable e) {
    Throwable cause = e;
    while (cause.getCause() != null) cause = cause.getCause();
    boolean named = cause.getMessage() != null && !(cause instanceof Error);
    String message = named ? cause.getMessage() : cause.toString();
    int end = message.indexOf('\n');
    return end < 0 ? message : message.substring(0, end);
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
