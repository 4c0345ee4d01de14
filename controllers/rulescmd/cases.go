package rulescmd

import (
	"context"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/directory"
	"rservice.dev/scim-operator/controllers/preview"
	"rservice.dev/scim-operator/controllers/rules"
)

// testCase is a subject and what all rules together make of it: a YAML document.
type testCase struct {
	// Name says what the case shows.
	Name string `json:"name"`
	// Input is a preview.Fixture.
	Input v1alpha1.JSON `json:"input"`
	// Expected is what comes of it.
	Expected expectation `json:"expected"`
}

// expectation is what a case expects. Without Error no rule may fail.
type expectation struct {
	// Record holds fields of the record afterwards: of the Person for a user, of the
	// Organization for a group.
	Record *v1alpha1.JSON `json:"record,omitempty"`
	// Site holds fields of the Site of a group.
	Site *v1alpha1.JSON `json:"site,omitempty"`
	// Outcomes are reasons by rule.
	Outcomes map[string]string `json:"outcomes,omitempty"`
	// Error is a part of the message of a rule that fails.
	Error string `json:"error,omitempty"`
}

// result is what came of one case.
type result struct {
	file, name string
	mismatches []preview.Mismatch
}

func (c *Command) bindTest(flags *flag.FlagSet) {
	flags.Var(&c.cases, "cases", "file or folder with test cases. Can be given several times; unset: only the examples in the rules")
	flags.StringVar(&c.junit, "junit", "", "file to write the results to, as JUnit XML")
}

func (c *Command) test(ctx context.Context) error {
	manifests, compiled, err := c.load()
	if err != nil {
		return err
	}
	results, err := runExamples(ctx, compiled, manifests)
	if err != nil {
		return err
	}
	fromFiles, err := runCases(ctx, c.cases, enabledAmong(compiled, manifests))
	if err != nil {
		return err
	}
	results = append(results, fromFiles...)
	if len(results) == 0 {
		return errors.New("there is nothing to test: the rules have no examples; name test cases with --cases")
	}
	if c.junit != "" {
		if err := writeJUnit(c.junit, results); err != nil {
			return err
		}
	}
	return c.printResults(results)
}

func runExamples(ctx context.Context, compiled []*rules.Rule, manifests []manifest) ([]result, error) {
	var results []result
	for _, rule := range compiled {
		m := byName(manifests, rule.Name())
		for _, example := range m.Spec.Examples {
			mismatches, err := preview.CheckExample(ctx, directory.NewObjectWorld, rule, example)
			if err != nil {
				return nil, fmt.Errorf("%s: example %q: %w", m.path, example.Name, err)
			}
			results = append(results, result{m.path, rule.Name() + ": " + example.Name, mismatches})
		}
	}
	return results, nil
}

func runCases(ctx context.Context, roots []string, set []*rules.Rule) ([]result, error) {
	if len(roots) == 0 {
		return nil, nil
	}
	documents, err := readDocuments(roots)
	if err != nil {
		return nil, err
	}
	if len(documents) == 0 {
		return nil, fmt.Errorf("there is no test case in %s", strings.Join(roots, ", "))
	}
	var results []result
	for _, d := range documents {
		test := testCase{}
		if err := yaml.UnmarshalStrict(d.json, &test, yaml.DisallowUnknownFields); err != nil {
			return nil, fmt.Errorf("%s: %w", d.path, err)
		}
		mismatches, err := test.run(ctx, set)
		if err != nil {
			return nil, fmt.Errorf("%s: case %q: %w", d.path, test.Name, err)
		}
		results = append(results, result{d.path, test.Name, mismatches})
	}
	return results, nil
}

// run plans the rules for the case's subject. An error says that the case is not right.
func (t testCase) run(ctx context.Context, all []*rules.Rule) ([]preview.Mismatch, error) {
	if t.Name == "" {
		return nil, errors.New("name is missing")
	}
	fixture, err := preview.ParseFixture(t.Input.Raw)
	if err != nil {
		return nil, fmt.Errorf("input: %w", err)
	}
	var set []*rules.Rule
	for _, rule := range all {
		if rule.Subject() == fixture.Kind() {
			set = append(set, rule)
		}
	}
	kind := v1alpha1.RecordPerson
	if fixture.Kind() == v1alpha1.SubjectScimGroup {
		kind = v1alpha1.RecordOrganization
	}
	effect, err := fixture.Run(ctx, directory.NewObjectWorld, set, kind)
	if err != nil {
		return nil, fmt.Errorf("input: %w", err)
	}
	mismatches, err := t.Expected.compareOutcomes(effect)
	if err != nil {
		return nil, err
	}
	for _, want := range []struct {
		name   string
		kind   v1alpha1.RecordKind
		fields *v1alpha1.JSON
	}{{"record", kind, t.Expected.Record}, {"site", v1alpha1.RecordSite, t.Expected.Site}} {
		if want.fields == nil {
			continue
		}
		fields, err := preview.CompareRecord(want.name, effect.Record(want.kind).Final, *want.fields)
		if err != nil {
			return nil, fmt.Errorf("expected.%s: %w", want.name, err)
		}
		mismatches = append(mismatches, fields...)
	}
	return mismatches, nil
}

func (e expectation) compareOutcomes(effect preview.Effect) ([]preview.Mismatch, error) {
	var mismatches []preview.Mismatch
	outcomes := map[string]rules.Outcome{}
	matched := false
	for _, outcome := range effect.Outcomes {
		outcomes[outcome.Rule] = outcome
		if !outcome.Failed() {
			continue
		}
		switch {
		case e.Error == "":
			mismatches = append(mismatches, preview.Mismatch{What: "error", Expected: "none", Actual: outcome.Reason + ", " + outcome.Message})
		case strings.Contains(outcome.Message, e.Error):
			matched = true
		default:
			mismatches = append(mismatches, preview.Mismatch{What: "error", Expected: e.Error, Actual: outcome.Message})
		}
	}
	if e.Error != "" && !matched && len(mismatches) == 0 {
		mismatches = append(mismatches, preview.Mismatch{What: "error", Expected: e.Error, Actual: "none"})
	}
	for _, rule := range slices.Sorted(maps.Keys(e.Outcomes)) {
		outcome, ok := outcomes[rule]
		if !ok {
			return nil, fmt.Errorf("expected.outcomes: there is no enabled rule %q for this kind of subject", rule)
		}
		if outcome.Reason != e.Outcomes[rule] {
			mismatches = append(mismatches, preview.Mismatch{What: "outcomes." + rule, Expected: e.Outcomes[rule],
				Actual: outcome.Reason + ", " + outcome.Message})
		}
	}
	return mismatches, nil
}

func (c *Command) printResults(results []result) error {
	failed := 0
	for _, r := range results {
		if len(r.mismatches) == 0 {
			c.printf("ok    %s: %s\n", r.file, r.name)
			continue
		}
		failed++
		c.printf("FAIL  %s: %s\n", r.file, r.name)
		for _, m := range r.mismatches {
			c.printf("        %s\n          expected  %s\n          actual    %s\n", m.What, m.Expected, m.Actual)
		}
	}
	c.printf("%s, %d failed\n", plural(len(results), "case"), failed)
	if failed > 0 {
		return ErrFindings
	}
	return nil
}

// JUnit's XML, as far as its readers agree about it.
type junitSuite struct {
	XMLName  xml.Name    `xml:"testsuite"`
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	ClassName string        `xml:"classname,attr"`
	Name      string        `xml:"name,attr"`
	Failure   *junitFailure `xml:"failure,omitempty"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

func writeJUnit(path string, results []result) error {
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write the results: %w", err)
	}
	if err := errors.Join(encodeJUnit(file, results), file.Close()); err != nil {
		return fmt.Errorf("write the results: %w", err)
	}
	return nil
}

func encodeJUnit(w io.Writer, results []result) error {
	suite := junitSuite{Name: "automation rules", Tests: len(results)}
	for _, r := range results {
		c := junitCase{ClassName: r.file, Name: r.name}
		if len(r.mismatches) > 0 {
			suite.Failures++
			var lines []string
			for _, m := range r.mismatches {
				lines = append(lines, m.String())
			}
			c.Failure = &junitFailure{Message: lines[0], Text: strings.Join(lines, "\n")}
		}
		suite.Cases = append(suite.Cases, c)
	}
	encoder := xml.NewEncoder(w)
	encoder.Indent("", "  ")
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	if err := encoder.Encode(suite); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}
