package licenses

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	mit  = "MIT License\n\nCopyright\n\nPermission is hereby granted, free of charge, to any\nperson obtaining a copy\nof it, to use, copy, modify, merge, publish,\n distribute, sublicense, and/or sell copies."
	bsd2 = "Redistribution and use in source and binary forms, with or without\nmodification, are permitted provided that"
	bsd3 = bsd2 + "\nNeither the name may be used to endorse or promote products derived from it"
	bsd4 = bsd3 + "\nAll advertising materials mentioning features"
	gpl  = "GNU GENERAL PUBLIC LICENSE\n   Version 3, 29 June 2007"
)

func TestDetect(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"Apache":                             {"   Apache License\n  Version 2.0, January 2004\n", []string{"Apache-2.0"}},
		"MIT, with lines broken as it likes": {mit, []string{"MIT"}},
		"BSD with two clauses":               {bsd2, []string{"BSD-2-Clause"}},
		"BSD with three clauses":             {bsd3, []string{"BSD-3-Clause"}},
		"BSD with four clauses":              {bsd4, []string{"BSD-4-Clause"}},
		"GPL":                                {gpl, []string{"GPL"}},
		"two licenses in one file":           {mit + "\n---\n" + bsd3, []string{"BSD-3-Clause", "MIT"}},
		"a text of its own":                  {"All rights reserved.", nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, Detect(test.text)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRead(t *testing.T) {
	for name, test := range map[string]struct {
		files     map[string]string
		want      []string
		wantError string
	}{
		"all license files count":               {map[string]string{"LICENSE": mit, "LICENSE.libyaml": bsd3}, []string{"BSD-3-Clause", "MIT"}, ""},
		"source about licenses is none":         {map[string]string{"LICENSE.txt": mit, "license.go": "package x"}, []string{"MIT"}, ""},
		"a module without a license is refused": {map[string]string{"README.md": mit}, nil, "no license file"},
		"an unknown license is refused":         {map[string]string{"COPYING": "ask the author"}, nil, "COPYING is not recognised"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for file, text := range test.files {
				if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			got, err := Read(dir)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			if (err != nil) != (test.wantError != "") || (err != nil && !strings.Contains(err.Error(), test.wantError)) {
				t.Errorf("error %v, want %q", err, test.wantError)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	if err := Check([]Module{{Path: "a", Version: "v1", Licenses: []string{"Apache-2.0", "MIT"}}}); err != nil {
		t.Errorf("allowed ones are refused: %v", err)
	}
	err := Check([]Module{{Path: "a", Version: "v1", Licenses: []string{"GPL", "MIT"}}})
	if err == nil || !strings.Contains(err.Error(), "a v1 is under GPL") {
		t.Errorf("GPL gives %v", err)
	}
}
