package main

import (
	"flag"
	"os"
	"strings"
	"testing"
)

func TestTheTableOfFlagsHasTheirDefaults(t *testing.T) {
	text, err := os.ReadFile("config/install.md")
	if err != nil {
		t.Fatal(err)
	}
	flags := flag.NewFlagSet("manager", flag.ContinueOnError)
	(&options{}).bind(flags)
	flags.VisitAll(func(f *flag.Flag) {
		for line := range strings.Lines(string(text)) {
			cells := strings.Split(line, "|")
			if len(cells) < 4 || !strings.Contains(cells[1], "`--"+f.Name+"`") {
				continue
			}
			value := strings.TrimSuffix(f.DefValue, "0s") // 1m0s
			if value != "" && value != "false" && !strings.Contains(cells[2], "`"+value+"`") {
				t.Errorf("--%s has the default %s, in the table %s", f.Name, value, cells[2])
			}
			return
		}
		t.Errorf("config/install.md has no row for --%s", f.Name)
	})
}
