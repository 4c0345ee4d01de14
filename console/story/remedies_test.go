package story

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"rservice.dev/scim-operator/api/v1alpha1"
)

var update = flag.Bool("update", false, "rewrite the tables of config/operate.md")

const operate = "../../config/operate.md"

// TestRemediesAreThoseOfTheDocument keeps the tables of config/operate.md what they are made from.
func TestRemediesAreThoseOfTheDocument(t *testing.T) {
	data, err := os.ReadFile(operate)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for _, table := range []struct {
		head string
		rows []row
	}{
		{"| Reason | On | Meaning, and what to do |\n|---|---|---|\n", reasons},
		{"| Reason | What was wrong |\n|---|---|\n", refusals},
		{"| Finding | On | Meaning, and what to do |\n|---|---|---|\n", findings},
	} {
		before, rest, found := strings.Cut(text, table.head)
		if !found {
			t.Fatalf("%s has no table with the head %s", operate, table.head)
		}
		after := rest
		for strings.HasPrefix(after, "|") {
			_, after, _ = strings.Cut(after, "\n")
		}
		text = before + table.head + markdown(table.rows) + after
	}
	if *update {
		if err := os.WriteFile(operate, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	} else if text != string(data) {
		t.Errorf("%s does not have the tables of this package: run go test ./console/story -run Remedies -update", operate)
	}
}

func markdown(table []row) string {
	var text strings.Builder
	for _, r := range table {
		cells := []string{"`" + strings.Join(r.reasons, "`, `") + "`"}
		if r.on != "" {
			cells = append(cells, r.on)
		}
		fmt.Fprintf(&text, "| %s |\n", strings.Join(append(cells, r.text), " | "))
	}
	return text.String()
}

// TestRemediesKnowEveryReason looks for each reason once.
func TestRemediesKnowEveryReason(t *testing.T) {
	source, err := os.ReadFile("../../api/v1alpha1/conditions.go")
	if err != nil {
		t.Fatal(err)
	}
	constants := regexp.MustCompile(`(?m)^\tReason\w+ += "(\w+)"$`).FindAllStringSubmatch(string(source), -1)
	if len(constants) < 50 {
		t.Fatalf("conditions.go has only %d reasons: it looks different from what this test expects", len(constants))
	}
	for _, constant := range constants {
		if _, known := RemedyFor(constant[1], Names{}); !known {
			t.Errorf("there is no remedy for reason %s", constant[1])
		}
	}
	for _, reason := range v1alpha1.RefusalReasons() {
		if _, known := remedyIn(refusals, string(reason), Names{}); !known {
			t.Errorf("there is no remedy for refusal %s", reason)
		}
	}
	for _, table := range [][]row{slices.Concat(reasons, findings), refusals} {
		seen := map[string]bool{}
		for _, r := range table {
			for _, reason := range r.reasons {
				if seen[reason] {
					t.Errorf("reason %s has two rows", reason)
				}
				seen[reason] = true
			}
		}
	}
}

// TestRemediesLeadSomewhere follows the links of remedies, and sees that their texts are sentences without markup.
func TestRemediesLeadSomewhere(t *testing.T) {
	for _, r := range slices.Concat(reasons, findings, refusals) {
		remedy, known := remedyIn([]row{r}, r.reasons[0], Names{})
		if !known || strings.Contains(remedy.Text, "](") || strings.Contains(remedy.Text, "**") || !strings.HasSuffix(remedy.Text, ".") {
			t.Errorf("the text of %v is %q", r.reasons, remedy.Text)
		}
		if regexp.MustCompile(`\b[Ss]ee [A-Z]|\bbelow\b|\babove\b`).MatchString(remedy.Text) {
			t.Errorf("the text of %v leads to a part of a document that is not there: %q", r.reasons, remedy.Text)
		}
		if remedy.Link == "" {
			continue
		}
		file, heading, _ := strings.Cut(remedy.Link, "#")
		text, err := os.ReadFile("../../" + file)
		if err != nil {
			t.Errorf("the link of %v: %v", r.reasons, err)
		}
		if title := strings.ReplaceAll(heading, "-", " "); heading != "" && !regexp.MustCompile(`(?mi)^#+ `+title+`$`).Match(text) {
			t.Errorf("the link of %v leads to no heading: %s", r.reasons, remedy.Link)
		}
	}
}

// TestCommandsOfRemediesAreSafe gives a name to a command that would do something of its own if it were not one word.
func TestCommandsOfRemediesAreSafe(t *testing.T) {
	const hostile = "'; echo {namespace} $(id) `id` \"\\\n$HOME {user} é"
	remedy, _ := RemedyFor(v1alpha1.ReasonOrganizationNotFound, Names{Namespace: "acme", Name: hostile, User: "x"})
	if len(remedy.Commands) != 1 {
		t.Fatalf("commands %q", remedy.Commands)
	}
	command, _, _ := strings.Cut(remedy.Commands[0], " | kubectl")
	output, err := exec.CommandContext(t.Context(), "sh", "-c", command).Output()
	if err != nil {
		t.Fatal(err)
	}
	var object struct {
		Spec struct {
			Name string `json:"name"`
		} `json:"spec"`
	}
	if err := json.Unmarshal(output, &object); err != nil || object.Spec.Name != hostile {
		t.Errorf("the shell got %q, error %v", output, err)
	}
}

func TestCommandsOfRemediesNeedTheirNames(t *testing.T) {
	remedy, _ := RemedyFor(v1alpha1.ReasonHeld, Names{Namespace: "acme"})
	for _, command := range remedy.Commands {
		if strings.Contains(command, "release-held") {
			t.Errorf("a command without endpoint: %s", command)
		}
	}
	remedy, _ = RemedyFor(v1alpha1.ReasonHeld, Names{Namespace: "acme", Endpoint: "okta", Held: 7})
	want := "kubectl -n acme annotate --overwrite scimendpoint okta provisioning.rservice.dev/release-held=7"
	if !slices.Contains(remedy.Commands, want) {
		t.Errorf("commands %q lack %q", remedy.Commands, want)
	}
}
