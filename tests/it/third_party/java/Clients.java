import com.nimbusds.oauth2.sdk.util.JSONObjectUtils;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import net.minidev.json.JSONObject;

/**
 * Runs the device flow with client libraries for Java, each used at its defaults.
 *
 * <p>The test sends one line of JSON for each run. All runs go on side by side. The program answers with lines of JSON:
 * the codes of a run, and at the end what came of it.
 */
public final class Clients {
    /** Receives the codes of a run before it polls. */
    interface Show {
        void codes(String userCode, String deviceCode);
    }

    /** What one library does in one run. */
    interface Flow {
        JSONObject run(JSONObject told, Show show) throws Exception;
    }

    private static final Map<String, Flow> FLOWS = Map.of(
            "nimbus", NimbusDeviceFlow::run,
            "spring-security", SpringSecurity::run);

    private Clients() {}

    public static void main(String[] arguments) throws Exception {
        ExecutorService runs = Executors.newCachedThreadPool();
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            JSONObject told = JSONObjectUtils.parse(line);
            runs.submit(() -> run(told));
        }
        runs.shutdown();
    }

    private static void run(JSONObject told) {
        JSONObject last = new JSONObject(Map.of("run", told.get("run")));
        try {
            Show show = (userCode, deviceCode) ->
                    say(new JSONObject(Map.of(
                            "run", told.get("run"), "user_code", userCode, "device_code", deviceCode)));
            last.put("outcome", FLOWS.get(told.get("library")).run(told, show));
        } catch (Throwable failure) {
            StringBuilder reasons = new StringBuilder();
            for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
                reasons.append(cause).append("; ");
            }
            last.put("failure", reasons.append("at ").append(failure.getStackTrace()[0]).toString());
        }
        say(last);
    }

    private static synchronized void say(JSONObject message) {
        System.out.println(message.toJSONString());
        System.out.flush();
    }
}
