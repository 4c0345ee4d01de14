package rulescmd_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rservice.dev/scim-operator/controllers/rulescmd"
)

var update = flag.Bool("update", false, "write what the commands print to testdata/golden")

// goldenTests are command lines; what they print is in testdata/golden, in a file of the
// test's name. $JUNIT stands for a file, whose content is printed after the rest.
var goldenTests = map[string]struct {
	args string
	code int
}{
	"test-good":              {"test -f testdata/rules --cases testdata/cases", rulescmd.ExitOK},
	"test-bad":               {"test -f testdata/rules --cases testdata/badcases --junit $JUNIT", rulescmd.ExitFindings},
	"test-junit":             {"test -f testdata/rules --cases testdata/cases --junit $JUNIT", rulescmd.ExitOK},
	"test-examples":          {"test -f testdata/rules/rules.yaml", rulescmd.ExitOK},
	"test-broken-rule":       {"test -f testdata/broken --cases testdata/cases", rulescmd.ExitFindings},
	"test-missing-cases":     {"test -f testdata/rules --cases testdata/missing", rulescmd.ExitError},
	"test-misspelt-case":     {"test -f testdata/rules --cases testdata/rules", rulescmd.ExitError},
	"test-no-rules":          {"test -f testdata/cases", rulescmd.ExitError},
	"test-without-f":         {"test --cases testdata/cases", rulescmd.ExitError},
	"test-one-rule-twice":    {"test -f testdata/rules -f testdata/rules/rules.yaml", rulescmd.ExitError},
	"lint-good":              {"lint -f testdata/rules", rulescmd.ExitOK},
	"lint-broken":            {"lint -f testdata/broken", rulescmd.ExitFindings},
	"lint-doubtful":          {"lint -f testdata/doubtful", rulescmd.ExitFindings},
	"test-forging":           {"test -f testdata/forging/rules --cases testdata/forging/cases", rulescmd.ExitFindings},
	"lint-forging":           {"lint -f testdata/forging/broken", rulescmd.ExitFindings},
	"preview-unknown-output": {"preview -f testdata/rules -o yaml", rulescmd.ExitError},
	"preview-broken":         {"preview -f testdata/broken", rulescmd.ExitFindings},
	"help":                   {"help", rulescmd.ExitOK},
	"unknown-command":        {"tset", rulescmd.ExitError},
	"default-rules":          {"test -f ../../config/rules --cases ../../config/rules/cases", rulescmd.ExitOK},
	"default-rules-lint":     {"lint -f ../../config/rules", rulescmd.ExitOK},
}

func TestWhatTheCommandsPrint(t *testing.T) {
	for name, test := range goldenTests {
		t.Run(name, func(t *testing.T) {
			junit := filepath.Join(t.TempDir(), "junit.xml")
			args := strings.Fields(strings.ReplaceAll(test.args, "$JUNIT", junit))
			var out, errOut bytes.Buffer
			code := rulescmd.Run(t.Context(), args, &out, &errOut)
			got := fmt.Sprintf("$ manager rules %s\n%s%sexit code %d\n", test.args, out.String(), errOut.String(), code)
			if strings.Contains(test.args, "$JUNIT") {
				data, err := os.ReadFile(junit)
				if err != nil {
					t.Fatal(err)
				}
				got += string(data)
			}
			if code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			golden(t, name, got)
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name+".txt")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; make it with -update", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("other than in %s, see -update (-want +got):\n%s", path, diff)
	}
}
