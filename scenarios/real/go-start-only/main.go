package main

import (
	"os/exec"
	"time"
)

func main() {
	for i := 0; i < 3; i++ {
		exec.Command("true").Start()
	}
	for {
		time.Sleep(time.Second)
	}
}
