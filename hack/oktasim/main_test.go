package main

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rservice.dev/scim-operator/hack/oktasim/internal/sim"
)

func TestParse(t *testing.T) {
	tests := map[string]struct {
		args  string
		modes []sim.Mode
		orgs  int
		err   string
	}{
		"both kinds of app by default":         {"", []sim.Mode{sim.ModePatch, sim.ModePut}, 2, ""},
		"one kind of app":                      {"-mode put", []sim.Mode{sim.ModePut}, 2, ""},
		"no organizations":                     {"-organizations=", []sim.Mode{sim.ModePatch, sim.ModePut}, 0, ""},
		"an unknown mode is refused":           {"-mode delete", nil, 0, "-mode delete"},
		"a mode without users is refused":      {"-users 1", nil, 0, "a user for each mode"},
		"a load without workers is refused":    {"-workers 0", nil, 0, "a worker"},
		"arguments without a dash are refused": {"8", nil, 0, "no further arguments"},
		"sizes of groups":                      {"-push-only -group-sizes 30,20", []sim.Mode{sim.ModePatch, sim.ModePut}, 2, ""},
		"a size that is no number is refused":  {"-group-sizes 30,x", nil, 0, flag.ErrHelp.Error()},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			o, err := parse(strings.Fields(tc.args))
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Errorf("error %v, want one with %q", err, tc.err)
				}
				return
			}
			if err != nil || !slices.Equal(o.config.Modes, tc.modes) || len(o.config.Organizations) != tc.orgs {
				t.Errorf("got %+v, %v", o.config, err)
			}
		})
	}
}

func TestAnUnknownFlagIsReportedOnceByTheFlagPackage(t *testing.T) {
	if _, err := parse([]string{"-help"}); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("error %v", err)
	}
}

func TestReadConnection(t *testing.T) {
	tests := map[string]struct{ content, err string }{
		"a whole connection":     {`{"baseURL":"http://x","token":"t","kubeconfig":"k","namespace":"n"}`, ""},
		"one without a token":    {`{"baseURL":"http://x"}`, "either token or tokenURL"},
		"one with a client":      {`{"baseURL":"http://x","tokenURL":"http://x/t","clientID":"c","clientSecret":"s"}`, ""},
		"a client without proof": {`{"baseURL":"http://x","tokenURL":"http://x/t","clientID":"c"}`, "either clientSecret or assertionFile"},
		"a client and a token":   {`{"baseURL":"http://x","token":"t","tokenURL":"http://x/t","clientID":"c","clientSecret":"s"}`, "either token or tokenURL"},
		"one that is not JSON":   {`token`, "invalid character"},
		"one that is not there":  {"", "make run"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "connection.json")
			if tc.content != "" {
				if err := os.WriteFile(path, []byte(tc.content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			_, err := readConnection(path)
			if (err == nil) != (tc.err == "") || (err != nil && !strings.Contains(err.Error(), tc.err)) {
				t.Errorf("error %v, want one with %q", err, tc.err)
			}
		})
	}
}
