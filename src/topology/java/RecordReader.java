package doorbuster;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.core.JsonFactory;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.core.JsonParser;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.core.JsonToken;
import org.apache.flink.table.api.TableException;
import org.apache.flink.table.data.GenericArrayData;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.data.binary.BinaryStringData;
import org.apache.flink.table.data.binary.BinaryStringDataUtil;

/**
 * Reads records of one schema: one pass over the bytes, no tree. Values are converted, and records rejected, as
 * by Flink's JSON_VALUE, JSON_QUERY and TRY_CAST, with the same parser and the same casts. Not thread-safe.
 */
final class RecordReader {
  private static final JsonFactory JSON = new JsonFactory();

  /** A value that the type of its column cannot hold. */
  private static final Object WRONG = new Object();
  /** An object or an array where a scalar belongs. */
  private static final Object NOT_SCALAR = new Object();

  private final RecordSchema schema;
  private final RecordSchema.RecordList[] lists;
  /** By index of a column: a value, WRONG, NOT_SCALAR, or null; of a column of a list: a List of values, or null. */
  private final Object[] values;
  /** By index of a column of a list: the last element that has its field. */
  private final int[] elements;
  /** By position of a list: how many elements it has, or one of the two below. */
  private final int[] lengths;

  private static final int MISSING = -1;
  private static final int NOT_A_LIST = -2;

  RecordReader(RecordSchema schema) {
    this.schema = schema;
    lists = schema.lists.values().toArray(new RecordSchema.RecordList[0]);
    values = new Object[schema.columns.size()];
    elements = new int[schema.columns.size()];
    lengths = new int[lists.length];
  }

  /** The columns, or nothing but the reason why the record is rejected. */
  RowData read(byte[] payload) {
    int size = schema.columns.size();
    GenericRowData row = new GenericRowData(size + 1);
    String rejection = rejectionOf(payload);
    if (rejection != null) {
      row.setField(size, StringData.fromString(rejection));
      return row;
    }
    for (RecordSchema.Column column : schema.columns) {
      Object value = values[column.index];
      if (value == NOT_SCALAR) continue;
      row.setField(column.index, value instanceof List ? new GenericArrayData(((List<?>) value).toArray()) : value);
    }
    return row;
  }

  private String rejectionOf(byte[] payload) {
    if (payload == null) return "tombstone";
    if (!isUtf8(payload)) return "bad_utf8";
    if (!startsLikeObject(payload)) return "not_json";
    clear();
    try (JsonParser json = JSON.createParser(payload)) {
      if (json.nextToken() != JsonToken.START_OBJECT) return "not_json";
      readRecord(json);
    } catch (IOException | NumberFormatException e) {
      // The parser throws the second for a number whose exponent no BigDecimal holds.
      return "not_json";
    }
    String wrong = wrongScalar();
    return wrong == null ? wrongList() : wrong;
  }

  private static boolean isUtf8(byte[] bytes) {
    int bits = 0;
    for (byte b : bytes) bits |= b;
    if (bits >= 0) return true;
    try {
      StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes));
      return true;
    } catch (CharacterCodingException e) {
      return false;
    }
  }

  /** Whether the parser will take the bytes for UTF-8: it would also detect UTF-16 and UTF-32, and skip a byte order mark. */
  private static boolean startsLikeObject(byte[] bytes) {
    if (bytes.length < 2 || bytes[1] == 0) return false;
    return bytes[0] == '{' || bytes[0] == ' ' || bytes[0] == '\n' || bytes[0] == '\r' || bytes[0] == '\t';
  }

  private void clear() {
    Arrays.fill(values, null);
    Arrays.fill(lengths, MISSING);
  }

  /** At the record's START_OBJECT. Of two fields with one name the last counts, here and below. */
  private void readRecord(JsonParser json) throws IOException {
    if (schema.root == null) {
      readFields(json);
      return;
    }
    while (json.nextToken() == JsonToken.FIELD_NAME) {
      boolean isRoot = schema.root.equals(json.currentName());
      JsonToken value = json.nextToken();
      if (isRoot) clear();
      if (isRoot && value == JsonToken.START_OBJECT) readFields(json);
      else json.skipChildren();
    }
  }

  private void readFields(JsonParser json) throws IOException {
    while (json.nextToken() == JsonToken.FIELD_NAME) {
      String name = json.currentName();
      json.nextToken();
      RecordSchema.Column column = schema.scalars.get(name);
      if (column != null) values[column.index] = scalar(json, column.type);
      else if (!readList(json, name)) json.skipChildren();
    }
  }

  /** False where the schema has no list of this name; the parser then stays where it is. */
  private boolean readList(JsonParser json, String name) throws IOException {
    for (int at = 0; at < lists.length; at++) {
      RecordSchema.RecordList list = lists[at];
      if (!list.name.equals(name)) continue;
      for (RecordSchema.Column column : list.columns) values[column.index] = null;
      if (json.currentToken() == JsonToken.START_ARRAY) {
        lengths[at] = readElements(json, list);
      } else {
        // To JSON_QUERY, a path with [*] through null or a scalar has no values, and one through nothing is NULL.
        for (RecordSchema.Column column : list.columns) values[column.index] = new ArrayList<>();
        lengths[at] = json.currentToken() == JsonToken.VALUE_NULL ? MISSING : NOT_A_LIST;
        json.skipChildren();
      }
      return true;
    }
    return false;
  }

  /** How many elements there are; one that is no object has none of the fields. */
  private int readElements(JsonParser json, RecordSchema.RecordList list) throws IOException {
    for (RecordSchema.Column column : list.columns) {
      values[column.index] = new ArrayList<>();
      elements[column.index] = -1;
    }
    int length = 0;
    for (; json.nextToken() != JsonToken.END_ARRAY; length++) {
      if (json.currentToken() == JsonToken.START_OBJECT) readElement(json, list, length);
      else json.skipChildren();
    }
    return length;
  }

  private void readElement(JsonParser json, RecordSchema.RecordList list, int element) throws IOException {
    while (json.nextToken() == JsonToken.FIELD_NAME) {
      RecordSchema.Column column = list.byField.get(json.currentName());
      json.nextToken();
      if (column == null) {
        json.skipChildren();
        continue;
      }
      List<Object> found = values(column);
      if (elements[column.index] == element) found.remove(found.size() - 1);
      elements[column.index] = element;
      found.add(scalar(json, column.type));
    }
  }

  @SuppressWarnings("unchecked")
  private List<Object> values(RecordSchema.Column column) {
    return (List<Object>) values[column.index];
  }

  /** The value as the type of its column, or null, WRONG or NOT_SCALAR. */
  private static Object scalar(JsonParser json, RecordSchema.Type type) throws IOException {
    switch (json.currentToken()) {
      case VALUE_NULL:
        return null;
      case START_OBJECT:
      case START_ARRAY:
        json.skipChildren();
        return NOT_SCALAR;
      case VALUE_STRING:
        return cast(json.getText(), type);
      case VALUE_TRUE:
      case VALUE_FALSE:
        return type == RecordSchema.Type.BOOLEAN ? (Object) json.getBooleanValue() : cast(json.getText(), type);
      default:
        return number(json, type);
    }
  }

  private static Object number(JsonParser json, RecordSchema.Type type) throws IOException {
    JsonParser.NumberType number = json.getNumberType();
    if (number == JsonParser.NumberType.INT) {
      if (type == RecordSchema.Type.INT) return json.getIntValue();
      if (type == RecordSchema.Type.BIGINT) return json.getLongValue();
    } else if (number == JsonParser.NumberType.LONG && type == RecordSchema.Type.BIGINT) {
      return json.getLongValue();
    }
    return cast(
        json.isExpectedNumberIntToken() ? json.getNumberValue().toString() : json.getDecimalValue().toString(), type);
  }

  /** TRY_CAST of a text: what Flink generates for it calls the same functions. */
  private static Object cast(String text, RecordSchema.Type type) {
    if (type == RecordSchema.Type.STRING) return StringData.fromString(text);
    BinaryStringData data = BinaryStringData.fromString(text);
    try {
      switch (type) {
        case INT:
          return BinaryStringDataUtil.toInt(data.trim());
        case BIGINT:
          return BinaryStringDataUtil.toLong(data.trim());
        default:
          return BinaryStringDataUtil.toBoolean(data);
      }
    } catch (NumberFormatException | TableException e) {
      return WRONG;
    }
  }

  private String wrongScalar() {
    for (RecordSchema.Column column : schema.scalars.values()) {
      Object value = values[column.index];
      if (value == WRONG) return "wrong_type:" + column.path;
      if (!column.required) continue;
      if (value == null) return "missing_key:" + column.path;
      if (value == NOT_SCALAR) return "wrong_type:" + column.path;
    }
    return null;
  }

  private String wrongList() {
    for (int at = 0; at < lists.length; at++) {
      RecordSchema.RecordList list = lists[at];
      if (lengths[at] < 0) {
        if (!list.required) continue;
        return (lengths[at] == MISSING ? "missing_key:" : "wrong_type:") + list.name;
      }
      for (RecordSchema.Column column : list.columns) {
        List<Object> found = values(column);
        if (found.contains(WRONG) || found.contains(NOT_SCALAR)) return "wrong_type:" + column.path;
        if (found.size() != lengths[at]) return "missing_key:" + column.path;
      }
    }
    return null;
  }
}
