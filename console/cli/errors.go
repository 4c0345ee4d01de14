package cli

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/console/story"
)

const (
	// maxExamples is how many objects a group of errors keeps, and shownExamples how many are printed without -o wide.
	maxExamples   = 10
	shownExamples = 2
)

// ErrorGroup is what has gone wrong for one reason.
type ErrorGroup struct {
	Reason string `json:"reason"`
	// Count is how many subjects it concerns: objects, where a subject and the executions that made it fail count once.
	Count int `json:"count"`
	// Kinds is how many objects of each kind say it.
	Kinds    map[string]int `json:"kinds"`
	Examples []ErrorExample `json:"examples"`
	// Remedy is what to do.
	Remedy *story.Remedy `json:"remedy,omitempty"`
}

// ErrorExample is one of the objects.
type ErrorExample struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
	// Title is what people call it, such as the userName.
	Title   string `json:"title"`
	Message string `json:"message"`
}

func newErrors(s *session) *cobra.Command {
	var output format
	cmd := &cobra.Command{
		Use:   "errors [REASON...]",
		Short: "Show what is wrong in the namespace, grouped by reason, most frequent first",
		Long: `Show what is wrong in the namespace, grouped by reason, most frequent first: of users, groups, rules, executions,
endpoints and records, with what to do about it.

It reads all of them, a page at a time. With -o name it prints the objects as it finds them.

The exit code is 1 if something is wrong.`,
		Example: `  # What is wrong, most frequent first
  kubectl scim errors -n acme

  # The names of all users and groups for which a rule failed
  kubectl scim errors ExpressionError -o name`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := output.check(); err != nil {
				return err
			}
			return s.errors(cmd.Context(), args, output)
		},
	}
	output.bind(cmd, formatJSON, formatYAML, formatWide, formatName)
	return cmd
}

// survey counts what is wrong.
type survey struct {
	reasons []string
	groups  map[string]*ErrorGroup
	// waiting is how many users and groups no controller is done with.
	waiting int
	// partial is whether the caller may not read some kind, and so cannot know that nothing is wrong.
	partial bool
	// found is called with each object that something is wrong with.
	found func(client.Object)
}

func (s *session) errors(ctx context.Context, reasons []string, output format) error {
	c, err := s.connect()
	if err != nil {
		return err
	}
	v := &survey{reasons: reasons, groups: map[string]*ErrorGroup{}, found: func(client.Object) {}}
	if output.value == formatName {
		v.found = func(object client.Object) { fmt.Fprintln(s.Out, resourceName(object)) }
	}
	missed := v.read(ctx, c)
	if missed != nil && !apierrors.IsForbidden(missed) {
		return missed
	}
	groups := v.sorted(c.namespace)
	if output.value != formatName {
		if done, err := output.data(s.Out, groups); err != nil {
			return err
		} else if !done {
			v.print(s, c.namespace, groups, output.value == formatWide)
		}
	}
	if missed != nil {
		return fmt.Errorf("this is not all, because you may not read everything: %w", missed)
	}
	return wrongIf(nil, len(groups) > 0)
}

// read visits all objects. It goes on after a kind that the caller may not read, and returns that as the error.
func (v *survey) read(ctx context.Context, c *cluster) error {
	var missed error
	for _, of := range []struct {
		list     client.ObjectList
		selected []client.ListOption
	}{
		{list: userList()}, {list: groupList()}, {list: ruleList()}, {list: endpointList()}, {list: &v1alpha1.PersonList{}},
		{list: &v1alpha1.OrganizationList{}}, {list: &v1alpha1.SiteList{}},
		{&v1alpha1.AutomationRuleExecutionList{}, []client.ListOption{client.MatchingFields{"status.result": string(v1alpha1.ResultFailed)}}},
	} {
		err := c.each(ctx, of.list, func(object client.Object) (bool, error) {
			v.visit(object)
			return true, nil
		}, of.selected...)
		if err != nil && !apierrors.IsForbidden(err) {
			return err
		}
		if err != nil {
			missed, v.partial = cmp.Or(missed, err), true
		}
	}
	return missed
}

// visit notes what is wrong with an object.
func (v *survey) visit(object client.Object) {
	wrong := v.wrongWith(object)
	for i := range wrong {
		v.note(object, &wrong[i])
	}
	if len(wrong) > 0 {
		v.found(object)
	}
}

// wrongWith are the conditions of an object that somebody has to see to, of the reasons that were asked for.
func (v *survey) wrongWith(object client.Object) []metav1.Condition {
	conditions := conditionsOf(object)
	var wrong []metav1.Condition
	switch object.(type) {
	case *v1alpha1.ScimEndpoint:
		wrong = slices.DeleteFunc(wrongConditions(conditions), func(c metav1.Condition) bool { return c.Status == metav1.ConditionUnknown })
	case *v1alpha1.AutomationRuleExecution:
		wrong = failed(conditions, v1alpha1.ConditionSucceeded)
	default:
		wrong = failed(conditions, v1alpha1.ConditionReady)
		if ready := meta.FindStatusCondition(conditions, v1alpha1.ConditionReady); ready != nil && len(wrong) == 0 && ready.Status != metav1.ConditionTrue {
			v.waiting++
		}
	}
	if len(v.reasons) > 0 {
		wrong = slices.DeleteFunc(wrong, func(c metav1.Condition) bool { return !slices.Contains(v.reasons, c.Reason) })
	}
	return wrong
}

// failed is the condition of a type if it is False and does not pass by itself.
func failed(conditions []metav1.Condition, kind string) []metav1.Condition {
	condition := meta.FindStatusCondition(conditions, kind)
	if condition == nil || condition.Status != metav1.ConditionFalse || condition.Reason == v1alpha1.ReasonRetrying {
		return nil
	}
	return []metav1.Condition{*condition}
}

func (v *survey) note(object client.Object, condition *metav1.Condition) {
	group := v.groups[condition.Reason]
	if group == nil {
		group = &ErrorGroup{Reason: condition.Reason, Kinds: map[string]int{}}
		v.groups[condition.Reason] = group
	}
	kind := kindOf(object)
	group.Kinds[kind]++
	if len(group.Examples) < maxExamples {
		group.Examples = append(group.Examples, ErrorExample{kind, object.GetName(), cmp.Or(calledName(object), object.GetName()), condition.Message})
	}
}

// sorted are the groups, most frequent first, with their remedies.
func (v *survey) sorted(namespace string) []*ErrorGroup {
	groups := slices.Collect(maps.Values(v.groups))
	for _, group := range groups {
		subjects := group.Kinds[story.KindUser] + group.Kinds[story.KindGroup]
		executions := group.Kinds[story.KindExecution]
		for _, count := range group.Kinds {
			group.Count += count
		}
		group.Count -= min(subjects, executions)
		if remedy, known := story.RemedyFor(group.Reason, group.names(namespace)); known {
			group.Remedy = &remedy
		}
	}
	slices.SortFunc(groups, func(a, b *ErrorGroup) int { return cmp.Or(b.Count-a.Count, strings.Compare(a.Reason, b.Reason)) })
	return groups
}

// names are those of the first example of each kind, for the commands of the remedy.
func (g *ErrorGroup) names(namespace string) story.Names {
	names := story.Names{Namespace: namespace}
	for _, example := range g.Examples {
		for kind, name := range map[string]*string{
			story.KindUser: &names.User, story.KindGroup: &names.Group, story.KindPerson: &names.Person, story.KindRule: &names.Rule,
			story.KindExecution: &names.Execution, story.KindEndpoint: &names.Endpoint,
		} {
			if kind == example.Kind && *name == "" {
				*name = example.Name
			}
		}
	}
	return names
}

func (v *survey) print(s *session, namespace string, groups []*ErrorGroup, wide bool) {
	p := &page{out: s.Out, width: s.width()}
	if len(groups) == 0 && !v.partial {
		p.text("", "", v.nothing(namespace))
	}
	for i, group := range groups {
		if i > 0 {
			p.blank()
		}
		group.print(p, namespace, wide)
	}
	if v.waiting > 0 {
		p.text("", "", plural(v.waiting, "object")+" more: the operator is not done yet, and goes on by itself.")
	}
}

// nothing says that nothing is wrong, and which of the reasons that were asked for this version does not know: a newer operator
// may, so that is no error.
func (v *survey) nothing(namespace string) string {
	text := fmt.Sprintf("Nothing is wrong in namespace %s", namespace)
	if len(v.reasons) == 0 {
		return text + "."
	}
	text += " by reason " + strings.Join(v.reasons, ", ") + "."
	for _, reason := range v.reasons {
		if _, known := story.RemedyFor(reason, story.Names{}); !known {
			text += fmt.Sprintf(" This version knows no reason %s; without a reason, errors shows all.", reason)
		}
	}
	return text
}

func (g *ErrorGroup) print(p *page, namespace string, wide bool) {
	var kinds []string
	for _, kind := range slices.Sorted(maps.Keys(g.Kinds)) {
		kinds = append(kinds, fmt.Sprintf("%d %s", g.Kinds[kind], kind))
	}
	p.text("", "  ", fmt.Sprintf("%d × %s (%s)", g.Count, g.Reason, strings.Join(kinds, ", ")))
	shown := g.Examples
	if !wide {
		shown = shown[:min(len(shown), shownExamples)]
	}
	for _, example := range shown {
		message := example.Message
		if !wide {
			message = cut(message, 3*shownValue)
		}
		p.text("  - ", "    ", example.Title+": "+message)
	}
	if !wide && g.Count > len(shown) {
		p.text("  - ", "    ", fmt.Sprintf("and %d more; their names: kubectl scim errors %s -o name -n %s", g.Count-len(shown), g.Reason, namespace))
	}
	if g.Remedy != nil {
		p.text("  Do ", "     ", advice(*g.Remedy))
		for _, command := range g.Remedy.Commands {
			p.command("     ", command)
		}
	}
	if first := g.Examples[0]; first.Kind == story.KindUser || first.Kind == story.KindGroup || first.Kind == story.KindPerson {
		p.command("     ", "kubectl scim why "+first.Name+" -n "+namespace)
	}
}
