package cli

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/fold"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/console/action"
	"rservice.dev/scim-operator/console/story"
)

// rerunOptions are the flags of rerun.
type rerunOptions struct {
	wait    bool
	timeout time.Duration
	output  format
}

func newRerun(s *session) *cobra.Command {
	o := rerunOptions{}
	cmd := &cobra.Command{
		Use:   "rerun (USER | GROUP | RULE)...",
		Short: "Run the rules again for a user or group, or a rule for all its subjects",
		Long: `Ask the operator to run the rules again for a user or group, or a rule for all its subjects.

It is never needed to make things right: every change of a client, of a rule or of what a rule looks up is followed by
itself. It helps to see what happens.

With --wait the exit code is 1 if something is wrong afterwards.`,
		Example: `  # Run all rules again for Anna, and say what came of it
  kubectl scim rerun anna@example.com --wait

  # Run a rule again for all users
  kubectl scim rerun default-user-mapping`,
		Args:              atLeastOne("say for whom or what: a user, a group, or a rule"),
		ValidArgsFunction: s.completeNames(userList, groupList, ruleList),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.output.check(); err != nil {
				return err
			}
			return s.rerun(cmd.Context(), args, o)
		},
	}
	cmd.Flags().BoolVar(&o.wait, "wait", false, "Wait until the rules have run, and say what came of it.")
	cmd.Flags().DurationVar(&o.timeout, "timeout", time.Minute, "How long to wait. A rule with 100,000 subjects takes minutes.")
	o.output.bind(cmd, formatName)
	return cmd
}

func (s *session) rerun(ctx context.Context, names []string, o rerunOptions) error {
	c, err := s.connect()
	if err != nil {
		return err
	}
	var objects []client.Object
	for _, name := range names { // all of them first: a misspelt one must not leave half of it done
		found, err := c.findRunnable(ctx, name)
		if err != nil {
			return err
		}
		objects = append(objects, found)
	}
	var asked []*action.Asked
	for _, object := range objects {
		run, err := action.Rerun(ctx, c, object)
		if err != nil {
			return err
		}
		asked = append(asked, run)
		if o.output.value == formatName {
			fmt.Fprintln(s.Out, resourceName(object))
		} else {
			fmt.Fprintf(s.Out, "%s (%s): asked for a run\n", resourceName(object), fold.Printable(calledName(object)))
		}
	}
	if !o.wait {
		return nil
	}
	return s.await(ctx, c, asked, o)
}

// await waits for runs and prints what came of them.
func (s *session) await(ctx context.Context, c *cluster, asked []*action.Asked, o rerunOptions) error {
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	wrong := false
	for _, run := range asked {
		if err := run.Wait(ctx, c); err != nil {
			if errors.Is(err, context.DeadlineExceeded) {
				return fmt.Errorf("%s: the rules have not run within %s. Is the operator running? Else give it more time (--timeout)", resourceName(run.Object), o.timeout)
			}
			return err
		}
		ready, detail := outcome(run.Object)
		if o.output.value != formatName {
			fmt.Fprintf(s.Out, "%s (%s): %s\n", resourceName(run.Object), fold.Printable(calledName(run.Object)), fold.Printable(detail))
		}
		wrong = wrong || !ready
	}
	return wrongIf(nil, wrong)
}

// outcome says what came of a run.
func outcome(object client.Object) (ready bool, detail string) {
	if rule, ok := object.(*v1alpha1.AutomationRule); ok {
		detail = fmt.Sprintf("%d processed, %d changed, %d failed", rule.Status.Processed, rule.Status.Changed, rule.Status.Failed)
		if healthy := meta.FindStatusCondition(rule.Status.Conditions, v1alpha1.ConditionSubjectsHealthy); healthy != nil && healthy.Status == metav1.ConditionFalse {
			return false, detail + "; " + healthy.Reason + ": " + healthy.Message
		}
		return rule.Status.Failed == 0 && meta.IsStatusConditionTrue(rule.Status.Conditions, v1alpha1.ConditionReady), detail
	}
	condition := meta.FindStatusCondition(conditionsOf(object), v1alpha1.ConditionReady)
	if condition == nil {
		return false, "it does not say what came of it"
	}
	return condition.Status == metav1.ConditionTrue, condition.Reason + ": " + condition.Message
}

// conditionsOf are the conditions of an object of this project.
func conditionsOf(object client.Object) []metav1.Condition {
	switch typed := object.(type) {
	case *v1alpha1.ScimUser:
		return typed.Status.Conditions
	case *v1alpha1.ScimGroup:
		return typed.Status.Conditions
	case *v1alpha1.AutomationRule:
		return typed.Status.Conditions
	case *v1alpha1.AutomationRuleExecution:
		return typed.Status.Conditions
	case *v1alpha1.ScimEndpoint:
		return typed.Status.Conditions
	case *v1alpha1.Person:
		return typed.Status.Conditions
	case *v1alpha1.Organization:
		return typed.Status.Conditions
	case *v1alpha1.Site:
		return typed.Status.Conditions
	}
	return nil
}

// findRunnable is the one user, group or rule that a text means.
func (c *cluster) findRunnable(ctx context.Context, text string) (client.Object, error) {
	key := client.ObjectKey{Namespace: c.namespace, Name: text}
	if len(validation.IsDNS1123Subdomain(text)) == 0 {
		rule := &v1alpha1.AutomationRule{}
		err := c.Get(ctx, key, rule)
		if err == nil {
			return rule, nil
		}
		if !apierrors.IsNotFound(err) || isMissingKind(err) {
			return nil, err
		}
	}
	subject, err := c.findOne(ctx, text)
	if err != nil {
		return nil, err
	}
	key.Name = subject.Name
	switch subject.Kind {
	case story.KindUser:
		return &v1alpha1.ScimUser{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}}, nil
	case story.KindGroup:
		return &v1alpha1.ScimGroup{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}}, nil
	}
	return nil, fmt.Errorf("%s is a %s: rules run for users and groups. The command \"why\" names that of the record", fold.Printable(text), subject.Kind)
}

// kindOf is the kind of an object.
func kindOf(object client.Object) string { return reflect.TypeOf(object).Elem().Name() }

// resourceName is how kubectl names an object.
func resourceName(object client.Object) string {
	return strings.ToLower(kindOf(object)) + "." + v1alpha1.GroupVersion.Group + "/" + object.GetName()
}
