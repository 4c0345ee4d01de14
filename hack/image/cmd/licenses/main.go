// Command licenses lists the modules that a binary is made of with their licenses, and fails if one may not be shipped. It reads the
// module cache and needs no network.
package main

import (
	"context"
	"debug/buildinfo"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"rservice.dev/scim-operator/hack/image/licenses"
)

func main() {
	root := flag.String("root", "../..", "the repository")
	binary := flag.String("binary", "../../bin/manager", "the operator")
	list := flag.Bool("list", false, "list every module")
	flag.Parse()
	if err := run(context.Background(), *root, *binary, *list, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "licenses:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, root, binary string, list bool, out io.Writer) error {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return fmt.Errorf("read what the operator was built from (make build): %w", err)
	}
	modules, err := licenses.Of(ctx, root, info)
	if err != nil {
		return err
	}
	counts := map[string]int{}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, m := range modules {
		license := strings.Join(m.Licenses, " AND ")
		counts[license]++
		if list {
			fmt.Fprintf(table, "%s\t%s\t%s\n", m.Path, m.Version, license)
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	var summary []string
	for license, n := range counts {
		summary = append(summary, fmt.Sprintf("%s %d", license, n))
	}
	slices.Sort(summary)
	fmt.Fprintf(out, "%d modules: %s\n", len(modules), strings.Join(summary, ", "))
	return licenses.Check(modules)
}
