package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// sample is one line of what a program tells of itself to Prometheus.
type sample struct {
	name   string
	labels map[string]string
	value  float64
}

// samples reads the text format of Prometheus.
func samples(text []byte) ([]sample, error) {
	var all []sample
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		end := strings.LastIndexByte(line, ' ')
		if strings.HasPrefix(line, "#") || end < 0 {
			continue
		}
		value, err := strconv.ParseFloat(line[end+1:], 64)
		if err != nil {
			return nil, fmt.Errorf("read a metric: %w", err)
		}
		name, rest, _ := strings.Cut(line[:end], "{")
		s := sample{name: name, labels: map[string]string{}, value: value}
		for label := range strings.SplitSeq(strings.TrimSuffix(rest, "}"), `",`) {
			if key, text, ok := strings.Cut(label, `="`); ok {
				s.labels[key] = strings.TrimSuffix(text, `"`)
			}
		}
		all = append(all, s)
	}
	return all, lines.Err()
}

// sum adds up the values of a metric whose labels are wanted; nil wants all.
func sum(all []sample, name string, wanted func(labels map[string]string) bool) float64 {
	total := 0.0
	for _, s := range all {
		if s.name == name && (wanted == nil || wanted(s.labels)) {
			total += s.value
		}
	}
	return total
}

func (w *world) apiMetrics(ctx context.Context) ([]sample, error) {
	text, err := get(ctx, w.api, w.config.Host+"/metrics")
	if err != nil {
		return nil, err
	}
	return samples(text)
}

func (w *world) operatorMetrics(ctx context.Context) ([]sample, error) {
	text, err := get(ctx, http.DefaultClient, "http://"+address(w.ports.metrics)+"/metrics")
	if err != nil {
		return nil, err
	}
	return samples(text)
}

// writes counts the writes of the project's kinds and of claims that the API server has carried out.
func writes(all []sample) float64 {
	return sum(all, "apiserver_request_total", func(labels map[string]string) bool {
		switch labels["verb"] {
		case "POST", "PUT", "PATCH", "DELETE", "APPLY":
			return strings.HasPrefix(labels["code"], "2") && (labels["group"] == group || labels["resource"] == "leases")
		}
		return false
	})
}

// waiting is how many objects the operator's controllers have to look at, or look at now.
func waiting(all []sample) float64 {
	return sum(all, "workqueue_depth", nil) + sum(all, "controller_runtime_active_workers", nil)
}

func get(ctx context.Context, c *http.Client, url string) ([]byte, error) {
	return ask(ctx, c, http.MethodGet, url, "", "")
}

func (w *world) scim(ctx context.Context, method, path, body string) ([]byte, error) {
	return ask(ctx, http.DefaultClient, method, "http://"+address(w.ports.scim)+"/scim/v2"+path, w.token, body)
}

func ask(ctx context.Context, c *http.Client, method, url, token, body string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
		request.Header.Set("Content-Type", "application/scim+json")
	}
	response, err := c.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode >= http.StatusBadRequest {
		err = fmt.Errorf("%s %s: %s: %.300s", method, request.URL.Path, response.Status, answer)
	}
	return answer, err
}
