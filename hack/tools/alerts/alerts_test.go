// Package alerts tests config/prometheus with Prometheus' own parser, engine and rules. It is a module of its own because of what that needs.
package alerts

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
	"sigs.k8s.io/yaml"
)

const root = "../../.."

// foreign are the metrics of libraries: controller-runtime and Prometheus' Go client.
var foreign = []string{
	"controller_runtime_reconcile_total", "leader_election_master_status", "process_resident_memory_bytes", "rest_client_requests_total", "workqueue_depth",
}

type rule struct {
	Alert       string            `json:"alert"`
	Expr        string            `json:"expr"`
	For         string            `json:"for"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

type panel struct {
	ID      int    `json:"id"`
	Title   string `json:"title"`
	Targets []struct {
		Expr string `json:"expr"`
	} `json:"targets"`
}

// readRules reads the alerts.
func readRules(t *testing.T) []rule {
	t.Helper()
	var manifest struct {
		Spec struct {
			Groups []struct {
				Rules []rule `json:"rules"`
			} `json:"groups"`
		} `json:"spec"`
	}
	data, err := os.ReadFile(filepath.Join(root, "config", "prometheus", "prometheus_rule.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(data, &manifest); err != nil {
		t.Fatal(err)
	}
	var found []rule
	for _, group := range manifest.Spec.Groups {
		found = append(found, group.Rules...)
	}
	return found
}

func TestAlerts(t *testing.T) {
	known := metrics(t)
	seen := map[string]bool{}
	for _, r := range readRules(t) {
		t.Run(r.Alert, func(t *testing.T) {
			check(t, r.Expr, known)
			if seen[r.Alert] {
				t.Error("there are two alerts of this name")
			}
			if !slices.Contains([]string{"critical", "warning", "info"}, r.Labels["severity"]) {
				t.Errorf("severity is %q", r.Labels["severity"])
			}
			if r.Annotations["summary"] == "" || len(r.Annotations["description"]) < 100 {
				t.Error("it does not say what it means and what to do")
			}
		})
		seen[r.Alert] = true
	}
	if len(seen) < 5 {
		t.Errorf("only %d alerts were found", len(seen))
	}
}

// readDashboard reads the panels.
func readDashboard(t *testing.T) []panel {
	t.Helper()
	var dashboard struct {
		Panels []panel `json:"panels"`
	}
	data, err := os.ReadFile(filepath.Join(root, "config", "prometheus", "dashboard.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &dashboard); err != nil {
		t.Fatal(err)
	}
	return dashboard.Panels
}

func TestDashboard(t *testing.T) {
	known := metrics(t)
	ids := map[int]bool{}
	for _, panel := range readDashboard(t) {
		t.Run(panel.Title, func(t *testing.T) {
			if ids[panel.ID] {
				t.Error("two panels have this id")
			}
			if len(panel.Targets) == 0 {
				t.Error("it shows nothing")
			}
			for _, target := range panel.Targets {
				check(t, strings.ReplaceAll(target.Expr, "$__rate_interval", "5m"), known)
			}
		})
		ids[panel.ID] = true
	}
	if len(ids) < 5 {
		t.Errorf("only %d panels were found", len(ids))
	}
}

// check parses an expression and looks whether its metrics are there.
func check(t *testing.T, expression string, known []string) {
	t.Helper()
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(expression)
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	names := 0
	parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
		selector, ok := node.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		names++
		if name := strings.TrimSuffix(selector.Name, "_bucket"); !slices.Contains(known, name) {
			t.Errorf("nothing has the metric %q", name)
		}
		return nil
	})
	if names == 0 {
		t.Error("it looks at no metric")
	}
}

// metrics finds the operator's own metrics in its source, by how they are declared.
func metrics(t *testing.T) []string {
	t.Helper()
	declared := regexp.MustCompile(`(?:Name:\s+|NewDesc\()"(scim_[a-z_]+)"`)
	found := slices.Clone(foreign)
	for _, pattern := range []string{"api/*/*.go", "scimserver/*.go", "scimserver/*/*.go", "controllers/*.go", "controllers/*/*.go"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, match := range declared.FindAllStringSubmatch(string(source), -1) {
				found = append(found, match[1])
			}
		}
	}
	if !slices.Contains(found, "scim_http_requests_total") {
		t.Fatal("the server's metrics were not found in its source")
	}
	return found
}
