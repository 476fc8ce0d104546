public class App {
    public static void main(String[] arguments) throws Exception {
        while (true) {
            new ProcessBuilder("true").start();
            Thread.sleep(300);
        }
    }
}
