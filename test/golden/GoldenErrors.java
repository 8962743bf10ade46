import org.apache.kafka.common.errors.InvalidMetadataException;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.protocol.Errors;

/** Prints the error table of the Java client: errors.jsonl. See README.md. */
public class GoldenErrors {
    public static void main(String[] args) {
        StringBuilder json = new StringBuilder();
        for (Errors error : Errors.values()) {
            json.append(String.format(
                "{\"code\":%d,\"name\":\"%s\",\"exception\":\"%s\",\"retriable\":%b,\"refreshMetadata\":%b}%n",
                error.code(), error.name(),
                error.exception() == null ? "" : error.exception().getClass().getSimpleName(),
                error.exception() instanceof RetriableException,
                error.exception() instanceof InvalidMetadataException));
        }
        System.out.print(json);
    }
}
