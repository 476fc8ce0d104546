package main

import (
	"os/exec"
	"time"
)

func main() {
	for i := 0; i < 3; i++ {
		exec.Command("sh", "-c", "sleep 1 & exit").Run()
	}
	for {
		exec.Command("true").Run()
		time.Sleep(500 * time.Millisecond)
	}
}
