import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpHandler;
import com.sun.net.httpserver.HttpServer;
import doorbuster.ReadRecord;
import java.io.File;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executors;
import org.apache.flink.table.data.GenericArrayData;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.binary.BinaryStringData;
import org.apache.spark.api.java.function.VoidFunction2;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.api.java.UDF1;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.streaming.DataStreamReader;
import org.apache.spark.sql.streaming.DataStreamWriter;
import org.apache.spark.sql.streaming.StreamingQuery;
import org.apache.spark.sql.streaming.Trigger;
import org.apache.spark.sql.types.StructType;

/**
 * Merges topics into tables, one streaming query per topic, until its process is killed. Its argument is a JSON file with
 * the tables to create and, for each topic, the statements of a micro-batch; they read the view {@code judged}, which has
 * every record of the batch with its columns, or with the reason of its rejection. Their placeholder {@code ${first_ms}} is
 * when the broker appended the first of these records, epoch ms.
 *
 * <p>It says on standard output what happens: {@code doorbuster-merge-ready}, {@code doorbuster-merge-done TOPIC} after
 * each micro-batch, {@code doorbuster-merge-failed TOPIC MESSAGE}; a query that has failed is started again. POST /drain
 * answers when everything in the topics has been merged; the queries have ended then.
 *
 * <p>Spark's own compiler, Janino, compiles this file at each start. It knows no lambdas and ignores type parameters.
 */
public class MergeJob implements HttpHandler {
  private static final long RESTART_AFTER_MS = 1000;
  private static final long POLL_MS = 50;

  private final List topics = new ArrayList();
  private final String token = System.getProperty("doorbuster.token");
  private final String checkpoint;

  public static void main(String[] args) {
    try {
      // Threads of Spark find the classes of this file by it.
      Thread.currentThread().setContextClassLoader(MergeJob.class.getClassLoader());
      new MergeJob((Map) new ObjectMapper().readValue(new File(args[0]), Map.class));
    } catch (Throwable e) {
      // Threads of Spark would keep the process alive.
      e.printStackTrace();
      System.exit(1);
    }
  }

  private MergeJob(Map config) throws Exception {
    checkpoint = (String) config.get("checkpoint");
    String address = System.getProperty("doorbuster.address");
    int port = Integer.parseInt(System.getProperty("doorbuster.port"));
    HttpServer server = HttpServer.create(new InetSocketAddress(address, port), 0);
    SparkSession spark = SparkSession.builder().getOrCreate();
    // By default it logs some hundred lines per micro-batch.
    spark.sparkContext().setLogLevel("WARN");
    for (Iterator each = ((List) config.get("tables")).iterator(); each.hasNext();) spark.sql((String) each.next());
    for (Iterator each = ((List) config.get("topics")).iterator(); each.hasNext();) {
      topics.add(new Topic(spark, config, (Map) each.next()));
    }
    for (Iterator each = topics.iterator(); each.hasNext();) ((Topic) each.next()).begin();
    for (Iterator each = topics.iterator(); each.hasNext();) ((Topic) each.next()).awaitReading();
    server.createContext("/drain", this);
    server.setExecutor(Executors.newCachedThreadPool());
    server.start();
    say("ready");
  }

  public void handle(HttpExchange exchange) throws IOException {
    try {
      String shown = exchange.getRequestHeaders().getFirst("Authorization");
      if (shown == null || !MessageDigest.isEqual(bytes(shown), bytes(token))) {
        exchange.sendResponseHeaders(403, -1);
        return;
      }
      for (Iterator each = topics.iterator(); each.hasNext();) ((Topic) each.next()).drain();
      remove(new File(checkpoint));
      exchange.sendResponseHeaders(200, -1);
    } finally {
      exchange.close();
    }
  }

  /** One topic and its query. */
  private static class Topic implements Runnable {
    private final SparkSession spark;
    private final Map config;
    private final Map topic;
    private final String name;
    /** null between two queries. */
    private volatile StreamingQuery query = null;
    private volatile boolean drained = false;

    Topic(SparkSession spark, Map config, Map topic) {
      this.spark = spark;
      this.config = config;
      this.topic = topic;
      name = (String) topic.get("name");
    }

    void begin() {
      Thread thread = new Thread(this, "merge-" + name);
      thread.start();
    }

    public void run() {
      while (!drained) {
        try {
          StreamingQuery started = start();
          query = started;
          started.awaitTermination();
        } catch (Throwable e) {
          query = null;
          if (drained) return;
          e.printStackTrace();
          say("failed " + name + " " + messageOf(e));
          pause(RESTART_AFTER_MS);
        }
      }
    }

    /** Waits until the query has looked at its topic for the first time. */
    void awaitReading() {
      while (true) {
        StreamingQuery now = query;
        if (now != null && (now.lastProgress() != null || now.status().message().startsWith("Waiting"))) return;
        pause(POLL_MS);
      }
    }

    void drain() {
      while (!drained) {
        StreamingQuery now = query;
        try {
          if (now != null) {
            now.processAllAvailable();
            drained = true;
            now.stop();
          }
        } catch (Throwable e) {
          // It has failed, and is started again.
          query = null;
        }
        if (!drained) pause(POLL_MS);
      }
    }

    private StreamingQuery start() throws Exception {
      StructType type = StructType.fromDDL((String) topic.get("type"));
      UDF1 read = new ReadUdf((String) topic.get("at"), (String) topic.get("columns"));
      // Otherwise each column could parse the record again.
      spark.udf().register("read_" + name, functions.udf(read, type).asNondeterministic());
      DataStreamReader reader = spark.readStream().format("kafka");
      Map options = (Map) config.get("kafka");
      for (Iterator each = options.entrySet().iterator(); each.hasNext();) {
        Map.Entry option = (Map.Entry) each.next();
        reader.option((String) option.getKey(), (String) option.getValue());
      }
      reader.option("subscribe", (String) topic.get("topic"));
      String[] columns = new String[] {
        "value AS payload", "partition AS part", "offset AS kafka_offset", "unix_millis(timestamp) AS kafka_ms",
        "read_" + name + "(value) AS decoded"
      };
      String[] flat = new String[] {"payload", "part", "kafka_offset", "kafka_ms", "decoded.*"};
      DataStreamWriter writer = reader.load().selectExpr(columns).selectExpr(flat).writeStream();
      writer.queryName(name);
      writer.option("checkpointLocation", "file://" + config.get("checkpoint") + "/" + name);
      writer.trigger(Trigger.ProcessingTime(((Number) config.get("everyMs")).longValue()));
      writer.foreachBatch(
          new VoidFunction2() {
            public void call(Object batch, Object id) throws Exception {
              merge((Dataset) batch);
              say("done " + name);
            }
          });
      return writer.start();
    }

    private void merge(Dataset batch) {
      SparkSession session = batch.sparkSession();
      batch.persist();
      try {
        batch.createOrReplaceTempView("judged");
        // Decodes the batch into memory too, for the statements below.
        String all = "SELECT count_if(rejection IS NOT NULL), count_if(rejection IS NULL), min(kafka_ms) FROM judged";
        Row seen = (Row) session.sql(all).collectAsList().get(0);
        if (seen.getLong(0) > 0) runAll(session, "rejected", seen);
        if (seen.getLong(1) > 0) runAll(session, "accepted", seen);
      } finally {
        batch.unpersist();
      }
    }

    private void runAll(SparkSession session, String which, Row seen) {
      String first = String.valueOf(seen.getLong(2));
      for (Iterator each = ((List) topic.get(which)).iterator(); each.hasNext();) {
        session.sql(((String) each.next()).replace("${first_ms}", first));
      }
    }
  }

  /** The function that Flink calls, with its result in Spark's types, and when it was called. */
  private static class ReadUdf implements UDF1 {
    private static final long serialVersionUID = 1L;
    private final String at;
    private final String columns;
    private transient ReadRecord function;
    private transient BinaryStringData atData;
    private transient BinaryStringData columnsData;

    ReadUdf(String at, String columns) {
      this.at = at;
      this.columns = columns;
    }

    public Object call(Object payload) {
      if (function == null) {
        function = new ReadRecord();
        atData = BinaryStringData.fromString(at);
        columnsData = BinaryStringData.fromString(columns);
      }
      long now = System.currentTimeMillis();
      GenericRowData row = (GenericRowData) function.eval((byte[]) payload, atData, columnsData);
      Object[] values = new Object[row.getArity() + 1];
      for (int i = 0; i < row.getArity(); i++) values[i] = plain(row.getField(i));
      values[row.getArity()] = Long.valueOf(now);
      return RowFactory.create(values);
    }

    private static Object plain(Object value) {
      if (value instanceof BinaryStringData) return value.toString();
      if (!(value instanceof GenericArrayData)) return value;
      Object[] all = ((GenericArrayData) value).toObjectArray();
      Object[] values = new Object[all.length];
      for (int i = 0; i < all.length; i++) values[i] = plain(all[i]);
      return values;
    }
  }

  private static void remove(File file) {
    File[] files = file.listFiles();
    for (int i = 0; files != null && i < files.length; i++) remove(files[i]);
    file.delete();
  }

  private static void pause(long ms) {
    try {
      Thread.sleep(ms);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static void say(String text) {
    System.out.println("doorbuster-merge-" + text);
  }

  /** The first line of the message of the innermost cause: Spark appends the plan. */
  private static String messageOf(Throwable e) {
    Throwable cause = e;
    while (cause.getCause() != null) cause = cause.getCause();
    String message = cause.getMessage() == null ? cause.toString() : cause.getMessage();
    int end = message.indexOf('\n');
    return end < 0 ? message : message.substring(0, end);
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
