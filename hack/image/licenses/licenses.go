// Package licenses tells the license of the modules that a binary is made of, from the license files in the module cache, and
// whether the project may ship them.
package licenses

import (
	"context"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Module is one module of a binary with what its license file says.
type Module struct {
	Path, Version string
	// Sum is the checksum of go.sum.
	Sum string
	// Licenses are SPDX identifiers in alphabetical order.
	Licenses []string
}

// Allowed are the SPDX identifiers that a module of the operator may have: permissive ones, whose only duty is to keep the notice,
// and MPL-2.0, whose duty ends at its own files.
var Allowed = []string{"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MPL-2.0"}

// Of returns the modules of a binary without the main one, in the order of their paths. root is the repository, whose go.mod says where the
// module cache has them. A module without a license file, or with one that is not recognised, is an error: somebody has to look at it.
func Of(ctx context.Context, root string, info *buildinfo.BuildInfo) ([]Module, error) {
	dirs, err := directories(ctx, root)
	if err != nil {
		return nil, err
	}
	var modules []Module
	var errs []error
	for _, dep := range info.Deps {
		used := dep
		if dep.Replace != nil {
			used = dep.Replace
		}
		module := Module{Path: used.Path, Version: used.Version, Sum: used.Sum}
		module.Licenses, err = Read(dirs[dep.Path])
		if err != nil {
			errs = append(errs, fmt.Errorf("%s %s: %w", dep.Path, dep.Version, err))
			continue
		}
		modules = append(modules, module)
	}
	slices.SortFunc(modules, func(a, b Module) int { return strings.Compare(a.Path, b.Path) })
	return modules, errors.Join(errs...)
}

// Check says which modules may not be shipped.
func Check(modules []Module) error {
	var errs []error
	for _, m := range modules {
		for _, license := range m.Licenses {
			if !slices.Contains(Allowed, license) {
				errs = append(errs, fmt.Errorf("%s %s is under %s, which is not among the allowed %s", m.Path, m.Version, license, strings.Join(Allowed, ", ")))
			}
		}
	}
	return errors.Join(errs...)
}

// directories maps the paths of all modules of the build to their folders in the module cache.
func directories(ctx context.Context, root string) (map[string]string, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-mod=readonly", "-m", "-json=Path,Dir", "all")
	cmd.Dir, cmd.Stderr, cmd.Env = root, os.Stderr, append(os.Environ(), "GOWORK=off")
	data, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("list the modules: %w", err)
	}
	found := map[string]string{}
	decoder := json.NewDecoder(strings.NewReader(string(data)))
	for {
		var module struct {
			Path string `json:"Path"`
			Dir  string `json:"Dir"`
		}
		err := decoder.Decode(&module)
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read the list of modules: %w", err)
		}
		found[module.Path] = module.Dir
	}
}

// Read returns the licenses of a module's folder, from all files named as license files are.
func Read(dir string) ([]string, error) {
	if dir == "" {
		return nil, errors.New("it is not in the module cache: go mod download")
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("look for its license: %w", err)
	}
	var found []string
	for _, entry := range entries {
		if entry.IsDir() || !isLicenseFile(entry.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			return nil, fmt.Errorf("read its license: %w", err)
		}
		licenses := Detect(string(text))
		if len(licenses) == 0 {
			return nil, fmt.Errorf("the license in %s is not recognised: read it, and teach package licenses to know it", entry.Name())
		}
		found = append(found, licenses...)
	}
	if len(found) == 0 {
		return nil, errors.New("it has no license file")
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}

// isLicenseFile leaves out such as license.go and LICENSES.md.
func isLicenseFile(name string) bool {
	upper := strings.ToUpper(name)
	if extension := filepath.Ext(upper); extension == ".GO" {
		return false
	}
	for _, prefix := range []string{"LICENSE", "LICENCE", "COPYING", "UNLICENSE"} {
		if upper == prefix || strings.HasPrefix(upper, prefix+".") || strings.HasPrefix(upper, prefix+"-") {
			return true
		}
	}
	return false
}
