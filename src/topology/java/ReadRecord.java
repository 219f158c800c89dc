package doorbuster;

import java.util.Optional;
import org.apache.flink.table.api.DataTypes;
import org.apache.flink.table.api.ValidationException;
import org.apache.flink.table.catalog.DataTypeFactory;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.functions.ScalarFunction;
import org.apache.flink.table.types.DataType;
import org.apache.flink.table.types.inference.CallContext;
import org.apache.flink.table.types.inference.InputTypeStrategies;
import org.apache.flink.table.types.inference.TypeInference;
import org.apache.flink.table.types.utils.DataTypeUtils;

/**
 * {@code read_record(payload BYTES, at STRING, columns STRING)}: all columns of a JSON record in one parse.
 *
 * <p>{@code at} and {@code columns} are literals, described at {@link RecordSchema}; the type of the result follows
 * from them. The result is a ROW of the columns, and after them {@code rejection STRING}: the first thing that is
 * wrong with the record, or NULL. All columns of a rejected record are NULL.
 */
public class ReadRecord extends ScalarFunction {
  private static final long serialVersionUID = 1L;

  private transient StringData at;
  private transient StringData columns;
  private transient RecordReader reader;

  /** Called by Flink for every record; {@code payload} is null for a tombstone. */
  public RowData eval(byte[] payload, StringData at, StringData columns) {
    // Literals are the same objects in every call from one place; two places of a job may share this instance.
    if (this.at != at || this.columns != columns) {
      reader = new RecordReader(RecordSchema.parse(at.toString(), columns.toString()));
      this.at = at;
      this.columns = columns;
    }
    return reader.read(payload);
  }

  /**
   * False, so that the planner does not copy the call into every expression that uses a column of the result: each
   * copy would parse the record again.
   */
  @Override
  public boolean isDeterministic() {
    return false;
  }

  @Override
  public TypeInference getTypeInference(DataTypeFactory factory) {
    DataType literal = DataTypes.STRING().bridgedTo(StringData.class);
    return TypeInference.newBuilder()
        .inputTypeStrategy(
            InputTypeStrategies.sequence(
                InputTypeStrategies.explicit(DataTypes.BYTES()),
                InputTypeStrategies.explicit(literal),
                InputTypeStrategies.explicit(literal)))
        .outputTypeStrategy(
            call -> Optional.of(rowType(RecordSchema.parse(literalAt(call, 1), literalAt(call, 2)))))
        .build();
  }

  private static String literalAt(CallContext call, int position) {
    return call.getArgumentValue(position, String.class)
        .orElseThrow(() -> new ValidationException("read_record: argument " + (position + 1) + " must be a literal"));
  }

  private static DataType rowType(RecordSchema schema) {
    DataTypes.Field[] fields = new DataTypes.Field[schema.columns.size() + 1];
    for (RecordSchema.Column column : schema.columns) {
      DataType type = TYPES[column.type.ordinal()];
      fields[column.index] = DataTypes.FIELD(column.name, column.list == null ? type : DataTypes.ARRAY(type));
    }
    fields[schema.columns.size()] = DataTypes.FIELD("rejection", DataTypes.STRING());
    return DataTypeUtils.toInternalDataType(DataTypes.ROW(fields).notNull());
  }

  /** In the order of {@link RecordSchema.Type}. */
  private static final DataType[] TYPES = {
    DataTypes.STRING(), DataTypes.INT(), DataTypes.BIGINT(), DataTypes.BOOLEAN()
  };
}
