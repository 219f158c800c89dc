package doorbuster;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.flink.table.api.ValidationException;

/**
 * What {@code read_record} takes out of a record, parsed from its literals.
 *
 * <p>{@code at}: the object that holds the fields, {@code $} or {@code $.after}. {@code columns}: separated by commas,
 * in the order in which they are checked, for example
 *
 * <pre>event_id STRING NOT NULL, discount_cents BIGINT, lines[*].sku_id INT NOT NULL AS line_sku_ids</pre>
 *
 * <p>{@code NOT NULL}: a record without it is rejected. A column with {@code [*]} is an ARRAY of one field of every
 * object in a list; such columns come last, those of one list together.
 */
final class RecordSchema {
  enum Type { STRING, INT, BIGINT, BOOLEAN }

  static final class Column {
    final int index;
    /** As reasons of rejections name it: {@code store_id}, {@code lines[*].sku_id}. */
    final String path;
    final String name;
    final Type type;
    final boolean required;
    /** The list whose objects have the field; null for a field of the record itself. */
    final String list;

    private Column(int index, Matcher text) {
      this.index = index;
      list = text.group("list");
      String field = text.group("field");
      path = list == null ? field : list + "[*]." + field;
      name = text.group("name") == null ? field : text.group("name");
      type = Type.valueOf(text.group("type"));
      required = text.group("required") != null;
    }
  }

  /** A list and its columns. */
  static final class RecordList {
    final String name;
    final boolean required;
    final List<Column> columns = new ArrayList<>();
    final Map<String, Column> byField = new HashMap<>();

    private RecordList(String name, boolean required) {
      this.name = name;
      this.required = required;
    }
  }

  private static final Pattern AT = Pattern.compile("\\$(?:\\.(\\w+))?");
  private static final Pattern COLUMN =
      Pattern.compile(
          "(?:(?<list>\\w+)\\[\\*\\]\\.)?(?<field>\\w+) (?<type>STRING|INT|BIGINT|BOOLEAN)"
              + "(?<required> NOT NULL)?(?: AS (?<name>\\w+))?");

  /** The field that holds the object with the fields; null: the record is that object. */
  final String root;
  final List<Column> columns = new ArrayList<>();
  final Map<String, Column> scalars = new LinkedHashMap<>();
  final Map<String, RecordList> lists = new LinkedHashMap<>();

  private RecordSchema(String root) {
    this.root = root;
  }

  /** Throws ValidationException naming the part that is not in the form above. */
  static RecordSchema parse(String at, String columns) {
    Matcher root = AT.matcher(at);
    if (!root.matches()) throw new ValidationException("read_record: '" + at + "' is neither $ nor $.<field>");
    RecordSchema schema = new RecordSchema(root.group(1));
    for (String one : columns.split(",")) {
      Matcher text = COLUMN.matcher(one.trim().replaceAll("\\s+", " "));
      if (!text.matches()) {
        throw new ValidationException(
            "read_record: '" + one.trim() + "' is not <field> STRING|INT|BIGINT|BOOLEAN [NOT NULL] [AS <name>]");
      }
      schema.add(new Column(schema.columns.size(), text));
    }
    return schema;
  }

  private void add(Column column) {
    columns.add(column);
    if (column.list == null) {
      scalars.put(column.path, column);
      return;
    }
    RecordList list = lists.computeIfAbsent(column.list, name -> new RecordList(name, column.required));
    list.columns.add(column);
    list.byField.put(column.path.substring(column.list.length() + "[*].".length()), column);
  }
}
