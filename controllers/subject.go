package controllers

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/kube"
	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/brake"
	"rservice.dev/scim-operator/controllers/directory"
	"rservice.dev/scim-operator/controllers/execution"
	"rservice.dev/scim-operator/controllers/identity"
	"rservice.dev/scim-operator/controllers/rulecache"
	"rservice.dev/scim-operator/controllers/rules"
	"rservice.dev/scim-operator/controllers/verdict"
)

// ruleRunner runs the rules of a subject: it plans, applies and logs. Users and
// groups differ in what goes in and in what becomes of the result.
type ruleRunner struct {
	client client.Client
	// live reads from the API server.
	live  client.Reader
	clock clock.PassiveClock
	rules *rulecache.Cache
	// identities are locked and claimed while a record gets a primary e-mail address or a name, so
	// that no two records get the same.
	identities *identity.Claims
	// recheckInterval is after how long a subject is looked at again that waits for what no
	// event tells of.
	recheckInterval time.Duration
	// memories are of what the rules for each kind of subject looked up.
	memories map[v1alpha1.SubjectKind]*directory.Memory
	// brake is asked before a plan disables or enables a Person or gives it another address.
	brake *brake.Brake
	// status sends the Events about links.
	status *verdict.Writer
}

// again says when the subject of a run is looked at again although nothing happens. What
// rules look up comes with events. No event tells that the API server would accept by now
// what it has rejected, that a rule would get through which took too long, or that the
// safety brake would let go.
func (r *ruleRunner) again(done *run) ctrl.Result {
	unforeseen := len(done.rejected) > 0 || done.hold.On() || slices.ContainsFunc(done.outcomes, func(o rules.Outcome) bool {
		return o.Reason == v1alpha1.ReasonExpressionError
	})
	if !unforeseen {
		return ctrl.Result{}
	}
	return r.recheck()
}

func (r *ruleRunner) recheck() ctrl.Result {
	return ctrl.Result{RequeueAfter: wait.Jitter(r.recheckInterval, 1)}
}

// run is one run of all rules on one subject.
type run struct {
	subject   client.Object
	kind      v1alpha1.SubjectKind
	input     rules.Input
	directory *directory.Recorder
	set       rulecache.Set
	log       *execution.Log
	// outcomes are what the rules did, in their order.
	outcomes []rules.Outcome
	// rejected names, for each kind of record, the last rule whose record the API
	// server did not accept.
	rejected map[v1alpha1.RecordKind]string
	// records are the subject's records at the end, by kind.
	records map[v1alpha1.RecordKind]rules.Record
	// former is rules.Result.FormerPerson.
	former string
	// hold is what the safety brake has left out of the outcomes.
	hold brake.Hold
	// toldLink says that an Event tells of a Person made by hand which the subject has got.
	toldLink bool
}

// run runs all enabled rules on a subject and returns what they did. An error means
// that it is to be run again; what is wrong with a rule or the subject is in the
// outcomes.
func (r *ruleRunner) run(ctx context.Context, subject client.Object, kind v1alpha1.SubjectKind, input rules.Input) (*run, error) {
	namespace := subject.GetNamespace()
	set, err := r.rules.Load(ctx, r.client, namespace, kind)
	if err != nil {
		return nil, err
	}
	result := &run{
		subject: subject, kind: kind, input: input, set: set,
		directory: r.memories[kind].Record(directory.Of(r.client, namespace), input),
		rejected:  map[v1alpha1.RecordKind]string{}, records: map[v1alpha1.RecordKind]rules.Record{},
	}
	if result.log, err = (execution.Book{Client: r.client, Live: r.live, Clock: r.clock, Kind: kind}).Open(ctx, subject, set); err != nil {
		return nil, err
	}
	if len(set.Compiled) == 0 {
		if err := result.findLinked(ctx); err != nil {
			return nil, err
		}
	}
	remaining := set.Compiled
	for len(remaining) > 0 {
		done, err := r.planAndApply(ctx, result, remaining)
		if err != nil {
			return nil, err
		}
		remaining = remaining[done:]
	}
	for _, broken := range set.Broken {
		if err := result.log.Record(ctx, broken.Outcome(), nil); err != nil {
			return nil, err
		}
	}
	result.directory.Done()
	return result, result.log.Prune(ctx)
}

// record is the subject's record of a kind, nil if it has none.
func (run *run) record(kind v1alpha1.RecordKind) rules.Record { return run.records[kind] }

// braked is what the safety brake has to know of the run.
func (run *run) braked() brake.Subject {
	return brake.Subject{User: run.input.User, Held: run.hold, Rules: run.set}
}

// held notes that something is held, so that plans leave it out from now on.
func (run *run) held(h brake.Hold) {
	run.hold = run.hold.With(h)
	run.input.Held = run.hold.Fields()
}

// findLinked finds the records that are linked to the subject, for when no rule looks
// them up: a plan without rules does only that.
func (run *run) findLinked(ctx context.Context) error {
	plan, err := rules.Plan(ctx, nil, run.input, run.directory)
	if err != nil {
		return fmt.Errorf("find linked records: %w", err)
	}
	run.records, run.former = plan.Records, plan.FormerPerson
	return nil
}

// planAndApply plans the rules and writes what they change. It returns how many of
// them are done, which is fewer than all only when the API server rejected what a
// rule wrote: the rules after it then need a new plan, without that.
func (r *ruleRunner) planAndApply(ctx context.Context, run *run, set []*rules.Rule) (int, error) {
	plan, release, err := r.restrainedPlan(ctx, run, set)
	if err != nil {
		return 0, err
	}
	defer release()
	run.former = plan.FormerPerson
	current := map[v1alpha1.RecordKind]rules.Record{}
	for kind, record := range plan.Records {
		if record.GetName() != "" {
			run.records[kind] = record
		}
	}
	for i, outcome := range plan.Outcomes {
		kind := outcome.Kind
		if outcome.Create && run.rejected[kind] != "" {
			return i + 1, run.finish(ctx, notCreated(outcome, run.rejected[kind]))
		}
		written, err := r.applyOutcome(ctx, run.subject.GetNamespace(), outcome, current[kind])
		if fields := kube.RefusedFields(err); fields != nil {
			run.rejected[kind] = outcome.Rule
			return i + 1, run.finish(ctx, rejectedOutcome(outcome, strings.Join(fields, ", ")))
		}
		if err != nil {
			return 0, err
		}
		run.tellLink(r, outcome, written)
		if current[kind] = written; written != nil {
			run.records[kind] = written
		}
		if err := run.finish(ctx, outcome); err != nil {
			return 0, err
		}
	}
	return len(set), nil
}

// restrainedPlan makes a plan that the safety brake lets through. The caller releases the lock.
func (r *ruleRunner) restrainedPlan(ctx context.Context, run *run, set []*rules.Rule) (rules.Result, func(), error) {
	for {
		plan, release, err := r.plan(ctx, run, set)
		if err == nil && addressTaken(plan) {
			release()
			if err = r.awaitMove(ctx, run); err == nil {
				plan, release, err = r.plan(ctx, run, set)
			}
		}
		if err != nil {
			return rules.Result{}, nil, err
		}
		held, err := r.brake.Restrain(ctx, run.braked(), plan)
		if err == nil && !held.On() {
			return plan, release, nil
		}
		release()
		if err != nil {
			return rules.Result{}, nil, err
		}
		run.held(held)
	}
}

// plan makes a plan. Where it gives a record a new primary e-mail address or name,
// it is made again under the lock for that: without it two subjects could both find
// that nobody has it. The caller applies the plan and then releases the lock.
func (r *ruleRunner) plan(ctx context.Context, run *run, set []*rules.Rule) (rules.Result, func(), error) {
	release := func() {}
	var locked []string
	for {
		plan, err := rules.Plan(ctx, set, run.input, run.directory)
		if err != nil {
			release()
			return rules.Result{}, nil, fmt.Errorf("plan: %w", err)
		}
		claimed := identity.Claimed(run.subject.GetNamespace(), plan)
		if containsAll(locked, claimed) {
			return plan, release, nil
		}
		release()
		locked = claimed
		if release, err = r.identities.Lock(ctx, claimed...); err != nil {
			return rules.Result{}, nil, err
		}
	}
}

func containsAll(set, wanted []string) bool {
	return !slices.ContainsFunc(wanted, func(w string) bool { return !slices.Contains(set, w) })
}

// tellLink tells of a Person that somebody has made by hand and that is the user's from this
// write on: the client may change and disable it.
func (run *run) tellLink(r *ruleRunner, outcome rules.Outcome, written rules.Record) {
	before, ok := outcome.Before.(*v1alpha1.Person)
	if ok && written != nil && outcome.Reason == v1alpha1.ReasonApplied && rules.IsMadeByHand(before) && !run.toldLink {
		run.toldLink = true
		r.sendLinked(written, run.subject)
	}
}

func (r *ruleRunner) sendLinked(person, user client.Object) {
	r.status.Event(person, user, corev1.EventTypeNormal, v1alpha1.ReasonPersonLinked,
		"ScimUser %s gets this Person, which was made by hand, by its primaryEmail.", user.GetName())
}

// finish takes down the outcome of a rule.
func (run *run) finish(ctx context.Context, outcome rules.Outcome) error {
	run.outcomes = append(run.outcomes, outcome)
	return run.log.Record(ctx, outcome, run.record(outcome.Kind))
}

// rejectedOutcome is the outcome of a rule whose record the API server rejects, as
// can happen with fields that only its schema limits.
func rejectedOutcome(outcome rules.Outcome, fields string) rules.Outcome {
	outcome.Reason = v1alpha1.ReasonInvalidValue
	outcome.Message = fmt.Sprintf("rule %s: the API server rejects %s", outcome.Rule, fields)
	return outcome
}

// notCreated is the outcome of a rule that would create a record without what a
// rejected one was to set.
func notCreated(outcome rules.Outcome, rejected string) rules.Outcome {
	outcome.Reason = v1alpha1.ReasonTargetNotFound
	outcome.Message = fmt.Sprintf("rule %s: no record is created, because rule %s failed before", outcome.Rule, rejected)
	return outcome
}

// failure says what the rules' outcomes mean for the subject. It is false when none
// of them failed or left something out that somebody has to see to, so that the rest is for the kind of subject to say.
func (run *run) failure() (verdict.Verdict, bool) {
	if run.set.Empty() {
		return verdict.Stalled(v1alpha1.ReasonNoRules,
			fmt.Sprintf("There is no enabled AutomationRule with subject %s in this namespace.", run.kind)), true
	}
	type failed struct {
		position        int32
		name            string
		reason, message string
	}
	var failures []failed
	for i, outcome := range run.outcomes {
		reason := outcome.Withheld()
		if outcome.Failed() {
			reason = outcome.Reason
		}
		if reason != "" {
			failures = append(failures, failed{run.set.Compiled[i].Position(), outcome.Rule, reason, outcome.Message})
		}
	}
	for _, broken := range run.set.Broken {
		outcome := broken.Outcome()
		failures = append(failures, failed{broken.Position, outcome.Rule, outcome.Reason, outcome.Message})
	}
	if len(failures) == 0 {
		return verdict.Verdict{}, false
	}
	first := failures[0]
	for _, f := range failures[1:] {
		if f.position < first.position || (f.position == first.position && f.name < first.name) {
			first = f
		}
	}
	if more := len(failures) - 1; more > 0 {
		first.message = fmt.Sprintf("%s (rules that failed besides: %d)", first.message, more)
	}
	return verdict.Stalled(first.reason, first.message), true
}
