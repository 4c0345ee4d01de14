package rulescmd

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"slices"
	"time"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/brake"
	"rservice.dev/scim-operator/controllers/directory"
	"rservice.dev/scim-operator/controllers/preview"
	"rservice.dev/scim-operator/controllers/rulecache"
)

// previewOptions are the flags of preview.
type previewOptions struct {
	output  string
	limit   int
	timeout time.Duration
}

// previewed is what preview says about the rules for one kind of subject.
type previewed struct {
	Summary []string `json:"summary"`
	*preview.Report
	Differences []preview.Difference `json:"differences"`
	// NotShown is how many differences were found and left out.
	NotShown int `json:"notShown"`
}

func (o *previewOptions) bind(flags *flag.FlagSet) {
	flags.StringVar(&o.output, "o", "text", "text or json; both hold personal data")
	flags.IntVar(&o.limit, "limit", 50, "the most subjects of a kind to show; 0: all. All are counted")
	flags.DurationVar(&o.timeout, "timeout", 2*time.Minute, "how long to read and plan; what there was no time for is not counted")
}

func (c *Command) showPreview(ctx context.Context, connect Connect) error {
	o := c.preview
	if o.output != "text" && o.output != "json" {
		return fmt.Errorf("-o %q is neither text nor json", o.output)
	}
	manifests, err := loadRules(c.files)
	if err != nil {
		return err
	}
	if _, err := c.compileAll(manifests); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	reader, namespace, err := connect()
	if err != nil {
		return err
	}
	found, err := directory.Read(ctx, reader, namespace)
	if err != nil {
		return err
	}
	var all []*previewed
	for _, kind := range kindsOf(manifests) {
		one, err := o.compare(ctx, found, namespace, kind, manifests)
		if err != nil {
			return err
		}
		all = append(all, one)
	}
	if o.output == "json" {
		return printJSON(c.out, all)
	}
	for _, one := range all {
		c.printPreview(one)
	}
	return nil
}

// kindsOf are the kinds of subject of the rules, groups first: their rules decide
// about the Organizations that users get.
func kindsOf(manifests []manifest) []v1alpha1.SubjectKind {
	var kinds []v1alpha1.SubjectKind
	for _, kind := range []v1alpha1.SubjectKind{v1alpha1.SubjectScimGroup, v1alpha1.SubjectScimUser} {
		if slices.ContainsFunc(manifests, func(m manifest) bool { return m.Spec.Subject == kind }) {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

func (o previewOptions) compare(ctx context.Context, found *directory.Contents, namespace string, kind v1alpha1.SubjectKind, manifests []manifest) (*previewed, error) {
	before, err := rulecache.Running(ctx, kind, found.Rules)
	if err != nil {
		return nil, err
	}
	after, err := rulecache.Running(ctx, kind, replaced(found.Rules, manifests))
	if err != nil {
		return nil, err
	}
	stored := directory.NewObjects(found.Objects...)
	outlook := &brake.Outlook{} // rules for groups touch no Person
	if kind == v1alpha1.SubjectScimUser {
		if outlook, err = brake.NewOutlook(ctx, stored, namespace, time.Now()); err != nil {
			return nil, err
		}
	}
	one := &previewed{}
	comparison := preview.Comparison{
		Kind: kind, Before: before, After: after, Persons: outlook.Look,
		Visit: func(d preview.Difference) {
			if o.limit > 0 && len(one.Differences) == o.limit {
				one.NotShown++
				return
			}
			one.Differences = append(one.Differences, d)
		},
	}
	for _, m := range manifests {
		if m.Spec.Subject == kind {
			comparison.Rule = cmp.Or(comparison.Rule, m.Name)
		}
	}
	if one.Report, err = preview.Compare(ctx, directory.NewWorld(stored, namespace), comparison); err != nil {
		return nil, err
	}
	one.Summary = slices.Concat(one.Lines("would"), outlook.Lines("would"))
	return one, nil
}

// replaced are the rules of the cluster with those of the files in their place.
func replaced(stored []*v1alpha1.AutomationRule, manifests []manifest) []*v1alpha1.AutomationRule {
	var versions []*v1alpha1.AutomationRule
	for _, rule := range stored {
		if byName(manifests, rule.Name).AutomationRule == nil {
			versions = append(versions, rule)
		}
	}
	for _, m := range manifests {
		versions = append(versions, m.AutomationRule)
	}
	return versions
}

func (c *Command) printPreview(one *previewed) {
	for _, d := range one.Differences {
		c.printf("%s %s (%s)\n", d.Name, d.Subject, one.Kind)
		for _, record := range d.Records {
			if record.Created {
				c.printf("  %s, created\n", record.Kind)
			} else {
				c.printf("  %s %s\n", record.Kind, record.Name)
			}
			for _, change := range record.Changes {
				if change.From != "" {
					c.printf("  - %s: %s\n", change.Field, change.From)
				}
				if change.To != "" {
					c.printf("  + %s: %s\n", change.Field, change.To)
				}
			}
		}
		if d.Failure != nil {
			c.printf("  ! %s: %s\n", d.Failure.Reason, d.Failure.Message)
		}
	}
	if one.NotShown > 0 {
		c.printf("and %d more, see --limit\n", one.NotShown)
	}
	for _, line := range one.Summary {
		c.printf("%s\n", line)
	}
}
