package monitoring

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/yaml"

	"rservice.dev/scim-operator/hack/e2e/world"
)

// faster is how many times as fast as in a cluster time runs for the alerts here: their minutes are seconds.
const faster = 60

// interval is that of scrapes and evaluations. 30 s would be half a second, which is more work than this machine has to spare.
const interval = "1s"

// monitor is what config/prometheus' ServiceMonitor says.
type monitor struct {
	Spec struct {
		Selector  struct{ MatchLabels map[string]string }
		Endpoints []struct {
			Port, Path  string
			HonorLabels bool
		}
	}
}

// ruleFile is what config/prometheus' PrometheusRule says, and what Prometheus reads.
type ruleFile struct {
	Groups []struct {
		Name  string           `json:"name"`
		Rules []map[string]any `json:"rules"`
	} `json:"groups"`
}

func readYAML(into any, path ...string) {
	GinkgoHelper()
	text, err := os.ReadFile(filepath.Join(append([]string{cluster.Root, "config", "prometheus"}, path...)...))
	Expect(err).NotTo(HaveOccurred())
	Expect(yaml.Unmarshal(text, into)).To(Succeed())
}

func encode(what any) []byte {
	GinkgoHelper()
	text, err := json.Marshal(what)
	Expect(err).NotTo(HaveOccurred())
	return text
}

// configuration is Prometheus' own, with what the Prometheus operator would make of config/prometheus.
func configuration(folder string) []byte {
	GinkgoHelper()
	var m monitor
	readYAML(&m, "service_monitor.yaml")
	Expect(m.Spec.Endpoints).To(HaveLen(1))
	endpoint := m.Spec.Endpoints[0]
	relabel := []map[string]any{
		keep("__meta_kubernetes_endpointslice_port_name", endpoint.Port),
		copied("__meta_kubernetes_namespace", "namespace"), copied("__meta_kubernetes_service_name", "service"),
		copied("__meta_kubernetes_pod_name", "pod"), copied("__meta_kubernetes_service_name", "job"),
	}
	for name, value := range m.Spec.Selector.MatchLabels {
		relabel = append(relabel, keep("__meta_kubernetes_service_label_"+regexp.MustCompile(`[^a-zA-Z0-9_]`).ReplaceAllString(name, "_"), value))
	}
	var manifest struct{ Spec ruleFile }
	readYAML(&manifest, "prometheus_rule.yaml")
	for _, group := range manifest.Spec.Groups {
		for _, rule := range group.Rules {
			rule["expr"] = hasten(rule["expr"].(string))
			if hold, ok := rule["for"].(string); ok {
				rule["for"] = shorter(hold)
			}
		}
	}
	rules := filepath.Join(folder, "rules.json")
	Expect(os.WriteFile(rules, encode(manifest.Spec), 0o600)).To(Succeed())
	return encode(map[string]any{
		"global":     map[string]any{"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval},
		"rule_files": []string{rules},
		"scrape_configs": []any{map[string]any{
			"job_name": "serviceMonitor", "metrics_path": endpoint.Path, "honor_labels": endpoint.HonorLabels,
			"kubernetes_sd_configs": []any{map[string]any{
				"role": "endpointslice", "kubeconfig_file": cluster.Node.Kubeconfig, "namespaces": map[string]any{"names": []string{world.System}},
			}},
			"relabel_configs": relabel,
		}},
	})
}

func keep(label, value string) map[string]any {
	return map[string]any{"action": "keep", "source_labels": []string{label}, "regex": regexp.QuoteMeta(value)}
}

func copied(from, to string) map[string]any {
	return map[string]any{"source_labels": []string{from}, "target_label": to}
}

// durations are those of ranges, of the steps of subqueries, and of offsets.
var durations = regexp.MustCompile(`(\[|:|offset )(\d+[smh])`)

// hasten shortens all times in an expression.
func hasten(expression string) string {
	return durations.ReplaceAllStringFunc(expression, func(found string) string {
		parts := durations.FindStringSubmatch(found)
		return parts[1] + shorter(parts[2])
	})
}

func shorter(text string) string {
	GinkgoHelper()
	duration, err := time.ParseDuration(text)
	Expect(err).NotTo(HaveOccurred())
	return fmt.Sprintf("%dms", (duration / faster).Milliseconds())
}
