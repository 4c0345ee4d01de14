package main

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"rservice.dev/scim-operator/hack/image/licenses"
)

// writeBill writes the software bill of materials (CycloneDX 1.6, JSON): what Go says the binary was linked from, with licenses. Which
// modules are linked does not depend on the architecture here; a test compares them.
func writeBill(ctx context.Context, path, root string, b binary) (err error) {
	bill, err := newBill(ctx, root, b)
	if err != nil {
		return fmt.Errorf("make the bill of materials: %w", err)
	}
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write the bill of materials: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	encoder := cdx.NewBOMEncoder(file, cdx.BOMFileFormatJSON).SetPretty(true).SetEscapeHTML(false)
	if err := encoder.EncodeVersion(bill, cdx.SpecVersion1_6); err != nil {
		return fmt.Errorf("write the bill of materials: %w", err)
	}
	return nil
}

func newBill(ctx context.Context, root string, b binary) (*cdx.BOM, error) {
	modules, err := licenses.Of(ctx, root, b.info)
	if err != nil {
		return nil, err
	}
	bill := cdx.NewBOM()
	main := component(cdx.ComponentTypeApplication, b.info.Main.Path, b.version)
	main.Licenses = choose([]string{"Apache-2.0"})
	bill.Metadata = &cdx.Metadata{Timestamp: b.committed.UTC().Format(time.RFC3339), Component: &main}
	goVersion := strings.TrimPrefix(b.info.GoVersion, "go")
	std := component(cdx.ComponentTypeLibrary, "std", goVersion)
	std.Description = "Go's standard library and runtime"
	std.Licenses = choose([]string{"BSD-3-Clause"})
	components := []cdx.Component{std}
	needed := []string{std.BOMRef}
	for _, m := range modules {
		c := component(cdx.ComponentTypeLibrary, m.Path, m.Version)
		c.Licenses = choose(m.Licenses)
		if c.Hashes, err = hashes(m.Sum); err != nil {
			return nil, fmt.Errorf("%s: %w", m.Path, err)
		}
		components = append(components, c)
		needed = append(needed, c.BOMRef)
	}
	bill.Components = &components
	bill.Dependencies = &[]cdx.Dependency{{Ref: main.BOMRef, Dependencies: &needed}}
	return bill, nil
}

func component(kind cdx.ComponentType, path, version string) cdx.Component {
	purl := "pkg:golang/" + path + "@" + strings.ReplaceAll(version, "+", "%2B")
	return cdx.Component{Type: kind, Name: path, Version: version, BOMRef: purl, PackageURL: purl}
}

func choose(ids []string) *cdx.Licenses {
	var chosen cdx.Licenses
	for _, id := range ids {
		chosen = append(chosen, cdx.LicenseChoice{License: &cdx.License{ID: id}})
	}
	return &chosen
}

// hashes turns a checksum of go.sum ("h1:" and base64 of a SHA-256 over the module's files) into CycloneDX's form.
func hashes(sum string) (*[]cdx.Hash, error) {
	encoded, ok := strings.CutPrefix(sum, "h1:")
	if !ok {
		return nil, fmt.Errorf("the checksum %q does not begin with h1: as those of go.sum", sum)
	}
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, fmt.Errorf("decode its checksum: %w", err)
	}
	return &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: hex.EncodeToString(raw)}}, nil
}
