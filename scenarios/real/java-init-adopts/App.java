public class App {
    public static void main(String[] arguments) throws Exception {
        for (int i = 0; i < 3; i++) {
            new ProcessBuilder("sh", "-c", "sleep 1 & exit").start().waitFor();
        }
        while (true) {
            new ProcessBuilder("true").start();
            Thread.sleep(500);
        }
    }
}
