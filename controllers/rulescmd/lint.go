package rulescmd

import (
	"context"

	"rservice.dev/scim-operator/controllers/directory"
	"rservice.dev/scim-operator/controllers/preview"
	"rservice.dev/scim-operator/controllers/rules"
)

// lint says of rules what the webhook says, but for what depends on the cluster.
func (c *Command) lint(ctx context.Context) error {
	manifests, compiled, err := c.load()
	if err != nil {
		return err
	}
	findings, err := rules.Lint(enabledAmong(compiled, manifests))
	if err != nil {
		return err
	}
	found := len(findings) > 0
	for _, finding := range findings {
		c.printf("WARN  %s: %s\n", pathOf(manifests, finding.Rule), finding)
	}
	for _, rule := range compiled {
		m := byName(manifests, rule.Name())
		if err := preview.CheckExamples(ctx, directory.NewObjectWorld, rule, m.AutomationRule); err != nil {
			found = true
			c.printf("ERROR %s: rule %s, %v\n", m.path, m.Name, err)
		}
	}
	if found {
		return ErrFindings
	}
	c.printf("%s, nothing to complain about\n", plural(len(compiled), "rule"))
	return nil
}

func byName(manifests []manifest, name string) manifest {
	for _, m := range manifests {
		if m.Name == name {
			return m
		}
	}
	return manifest{}
}

func pathOf(manifests []manifest, rule string) string { return byName(manifests, rule).path }

// enabledAmong leaves out what spec.disabled switches off.
func enabledAmong(compiled []*rules.Rule, manifests []manifest) []*rules.Rule {
	var enabled []*rules.Rule
	for _, rule := range compiled {
		if !byName(manifests, rule.Name()).Spec.Disabled {
			enabled = append(enabled, rule)
		}
	}
	return enabled
}
