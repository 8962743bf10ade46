import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.CompressionType;
import org.apache.kafka.common.record.MemoryRecords;
import org.apache.kafka.common.record.MemoryRecordsBuilder;
import org.apache.kafka.common.record.RecordBatch;
import org.apache.kafka.common.record.TimestampType;

/**
 * Makes batches with the Java client: batches.jsonl. See README.md.
 * Byte i of a key or value is 'a' + (n + i) % 26, where n is the number of the record; so the file names lengths only.
 * With more records than are listed, the list begins again.
 */
public class GoldenBatches {
    static final long TIMESTAMP = 1_700_000_000_000L;
    /** Lengths around the borders where a zigzag varint takes a byte more, and null as -1. */
    static final int[] LENGTHS = {-1, 0, 1, 63, 64, 65, 8191, 8192};

    record Golden(int keyLength, int valueLength, long timestampDelta, int[] headerLengths) {}

    public static void main(String[] args) {
        StringBuilder json = new StringBuilder();
        for (CompressionType type : CompressionType.values()) {
            Compression codec = Compression.of(type).build();
            append(json, type.name + " borders", codec, borders(), borders().size(), RecordBatch.NO_PRODUCER_ID, (short) -1, -1);
            append(json, type.name + " headers", codec, headers(), headers().size(), 4000L, (short) 7, 2147483647);
        }
        append(json, "none offset deltas", Compression.NONE, values(), 130, 9_007_199_254_740_993L, (short) 32767, 0);
        append(json, "gzip offset deltas", Compression.gzip().build(), values(), 8200, 0L, (short) 0, 5);
        System.out.print(json);
    }

    static List<Golden> borders() {
        List<Golden> records = new ArrayList<>();
        for (int length : LENGTHS) records.add(new Golden(-1, length, 0, new int[0]));
        for (int length : LENGTHS) records.add(new Golden(Math.min(length, 65), 3, length == 65 ? -70 : length, new int[0]));
        return records;
    }

    static List<Golden> headers() {
        List<Golden> records = new ArrayList<>();
        records.add(new Golden(5, 10, 0, new int[] {-1}));
        records.add(new Golden(5, 10, 63, new int[] {0, 1, 64}));
        records.add(new Golden(5, 10, 8192, new int[70]));
        records.add(new Golden(-1, -1, 3_000_000_000L, new int[0]));
        return records;
    }

    static List<Golden> values() {
        List<Golden> records = new ArrayList<>();
        for (int length = 0; length < 3; length++) records.add(new Golden(-1, length, 0, new int[0]));
        return records;
    }

    static void append(StringBuilder json, String name, Compression codec, List<Golden> records, int count,
                       long producerId, short epoch, int baseSequence) {
        MemoryRecordsBuilder builder = MemoryRecords.builder(ByteBuffer.allocate(1 << 20), RecordBatch.MAGIC_VALUE_V2,
            codec, TimestampType.CREATE_TIME, 0L, RecordBatch.NO_TIMESTAMP, producerId, epoch, baseSequence, false, -1);
        StringBuilder expected = new StringBuilder();
        for (int n = 0; n < count; n++) {
            Golden record = records.get(n % records.size());
            Header[] headers = new Header[record.headerLengths.length];
            StringBuilder lengths = new StringBuilder();
            for (int h = 0; h < headers.length; h++) {
                headers[h] = new RecordHeader("header" + h, pattern(n, record.headerLengths[h]));
                lengths.append(h == 0 ? "" : ",").append(record.headerLengths[h]);
            }
            builder.append(TIMESTAMP + record.timestampDelta, pattern(n, record.keyLength), pattern(n, record.valueLength), headers);
            if (n < records.size()) expected.append(String.format("%s[%d,%d,%d,[%s]]", n == 0 ? "" : ",",
                record.keyLength, record.valueLength, record.timestampDelta, lengths));
        }
        ByteBuffer bytes = builder.build().buffer();
        byte[] batch = new byte[bytes.remaining()];
        bytes.get(batch);
        json.append(String.format(
            "{\"name\":\"%s\",\"producerId\":\"%d\",\"producerEpoch\":%d,\"baseSequence\":%d,\"baseTimestamp\":%d,\"count\":%d,\"records\":[%s],\"batch\":\"%s\"}%n",
            name, producerId, epoch, baseSequence, TIMESTAMP, count, expected, Base64.getEncoder().encodeToString(batch)));
    }

    static byte[] pattern(int n, int length) {
        if (length < 0) return null;
        byte[] bytes = new byte[length];
        for (int i = 0; i < length; i++) bytes[i] = (byte) ('a' + (n + i) % 26);
        return bytes;
    }
}
