package kube

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clocktesting "k8s.io/utils/clock/testing"

	"rservice.dev/scim-operator/api/v1alpha1"
)

func TestOnlyLastingCausesAreFaults(t *testing.T) {
	persons := schema.GroupResource{Group: v1alpha1.GroupVersion.Group, Resource: "persons"}
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"no connection":            {&url.Error{Op: "Get", Err: refused}, ""},
		"a connection that broke":  {io.ErrUnexpectedEOF, ""},
		"a request that timed out": {context.DeadlineExceeded, ""},
		"overload":                 {apierrors.NewTooManyRequests("later", 1), ""},
		"an error of the server":   {apierrors.NewInternalError(errors.New("etcd")), ""},
		"a restart":                {apierrors.NewServiceUnavailable("etcd"), ""},
		"a timeout of the server":  {apierrors.NewTimeoutError("slow", 1), ""},
		"a revision that is gone":  {apierrors.NewResourceExpired("old"), ""},
		"no right":                 {apierrors.NewForbidden(persons, "", errors.New("no role")), v1alpha1.ReasonRefused},
		"no identity":              {apierrors.NewUnauthorized("who"), v1alpha1.ReasonRefused},
		"no definition":            {apierrors.NewNotFound(persons, ""), v1alpha1.ReasonRefused},
		"what cannot be read":      {errors.New("json: cannot unmarshal number 4711 into Go struct field A.b of type string"), v1alpha1.ReasonUnreadable},
		"a time":                   {func() error { _, err := time.Parse(time.RFC3339, "4711"); return err }(), v1alpha1.ReasonUnreadable},
	} {
		t.Run(name, func(t *testing.T) {
			reason, message := lastingCause(fmt.Errorf("failed to list *v1alpha1.Person: %w", c.err))
			if reason != c.want || (reason == "") != (message == "") {
				t.Errorf("reason %q, message %q, want %q", reason, message, c.want)
			}
			if strings.Contains(message, "4711") {
				t.Errorf("the message has a value: %s", message)
			}
		})
	}
}

// reading is a reflector's revision.
type reading string

func (r *reading) LastSyncResourceVersion() string { return string(*r) }

func TestFaultsBeginAndEnd(t *testing.T) {
	clk := clocktesting.NewFakeClock(time.Unix(1_800_000_000, 0))
	h := NewInformerHealth(&v1alpha1.ScimUser{})
	h.clock = clk
	forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "persons"}, "", errors.New("no role"))
	persons, users := new(reading("5")), new(reading(""))
	kinds := func() string {
		names := ""
		for _, f := range h.Faults() {
			names += f.Kind + " "
		}
		return names
	}
	expect := func(step, want string) {
		t.Helper()
		if got := kinds(); got != want {
			t.Errorf("%s: %q, want %q", step, got, want)
		}
	}

	h.note("", "Person", persons, forbidden)
	expect("at first", "")
	clk.Step(faultLasts)
	h.note("", "Person", persons, forbidden)
	expect("after a while", "Person ")
	if err := h.Ready(nil); err != nil {
		t.Errorf("not ready for a kind that only controllers need: %v", err)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(h)
	families, err := registry.Gather()
	if err != nil || len(families) != 1 || families[0].GetName() != "scim_unreadable_kinds" {
		t.Fatalf("the metrics are %v (%v)", families, err)
	}
	labels := families[0].GetMetric()[0].GetLabel()
	if labels[0].GetValue() != "Person" || labels[2].GetValue() != v1alpha1.ReasonRefused || families[0].GetMetric()[0].GetGauge().GetValue() != 1 {
		t.Errorf("the metric is %v", families[0])
	}

	h.note("", "ScimUser", users, errors.New("anything"))
	clk.Step(faultLasts)
	expect("two kinds", "Person ScimUser ")
	if err := h.Ready(nil); err == nil || !strings.Contains(err.Error(), "ScimUser") {
		t.Errorf("ready although a kind that serving needs cannot be read: %v", err)
	}

	*users = "7"
	expect("the reflector has read the kind", "Person ")
	h.note("", "Person", persons, &net.OpError{Op: "dial", Err: errors.New("connection refused")})
	expect("the API server is away", "")
	h.note("", "Person", persons, forbidden)
	expect("it is back", "")
	clk.Step(faultLasts)
	expect("and still refuses", "Person ")
	clk.Step(faultForgotten)
	expect("no failure any more, at the same revision", "")
}

func TestKindOf(t *testing.T) {
	for name, want := range map[string]string{"*v1alpha1.Person": "Person", "*v1.Secret": "Secret", "Person": "Person"} {
		if got := kindOf(name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}
