package controllers

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/execution"
)

const (
	// progressInterval is how long a rule's status may be behind while its subjects are
	// processed again.
	progressInterval = 30 * time.Second
	// signalBuffer is how many rules can wait for a controller to hear of them.
	signalBuffer = 1024
)

// Reasons of Events about reprocessing.
const (
	eventReprocessingStarted  = "ReprocessingStarted"
	eventReprocessingFinished = "ReprocessingFinished"
)

var errBusy = errors.New("too many rules have changed at once to start processing their subjects now")

// reprocessing follows the subjects that are processed again because rules changed.
// It only counts: what is to be done is in the queues, and after a restart everything
// is. A rule whose status says that its subjects are not done starts them again.
type reprocessing struct {
	clock clock.PassiveClock
	// rules hears of rules whose subjects are done, subjects of rules whose subjects are
	// to be put into the queue.
	rules    chan event.GenericEvent
	subjects map[v1alpha1.SubjectKind]chan event.GenericEvent

	mu sync.Mutex
	// epoch counts the starts. A reconcile has seen the rules of those before it.
	epoch    int
	backlogs map[backlogKey]backlog
}

type backlogKey struct {
	namespace string
	kind      v1alpha1.SubjectKind
}

// backlog is what is left to be done of one kind of subject in a namespace, oldest round first.
type backlog []*round

// round is one go through all subjects of a backlog. Another rule that changes before all were
// tried starts it anew for both. After that those that failed are a matter of these rules alone:
// one that fails for good must not keep rules waiting that change later, nor the other way round.
type round struct {
	epoch   int
	total   int
	pending map[string]struct{}
	// retrying were tried without success, for a cause that passes, and are tried again.
	retrying map[string]struct{}
	started  time.Time
	// versions are those of the rules that have changed, by name.
	versions map[string]version
}

func newReprocessing(clk clock.PassiveClock) *reprocessing {
	return &reprocessing{
		clock: clk,
		rules: make(chan event.GenericEvent, signalBuffer),
		subjects: map[v1alpha1.SubjectKind]chan event.GenericEvent{
			v1alpha1.SubjectScimUser:  make(chan event.GenericEvent, signalBuffer),
			v1alpha1.SubjectScimGroup: make(chan event.GenericEvent, signalBuffer),
		},
		backlogs: map[backlogKey]backlog{},
	}
}

func keyOf(rule *v1alpha1.AutomationRule) backlogKey {
	return backlogKey{rule.Namespace, rule.Spec.Subject}
}

// version tells apart the occasions on which a rule's subjects are processed again.
type version struct {
	uid        types.UID
	generation int64
	rerun      string
}

func versionOf(rule *v1alpha1.AutomationRule) version {
	return version{rule.UID, rule.Generation, execution.FollowedRerun(rule, "")}
}

// olderThan reports whether a rule has changed since.
func (v version) olderThan(other version) bool {
	return v.uid == other.uid && v.generation < other.generation
}

// start begins to count for a rule's version. It reports false if it has before, or counts for
// a newer one.
func (p *reprocessing) start(rule *v1alpha1.AutomationRule, subjects requestSet) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	key, current := keyOf(rule), versionOf(rule)
	if known := p.backlogs[key].of(rule.Name); known != nil && (known.versions[rule.Name] == current || current.olderThan(known.versions[rule.Name])) {
		return false
	}
	p.epoch++
	begun := &round{
		epoch: p.epoch, total: len(subjects), started: p.clock.Now(), versions: map[string]version{rule.Name: current},
		pending: make(map[string]struct{}, len(subjects)), retrying: map[string]struct{}{},
	}
	for subject := range subjects {
		begun.pending[subject.Name] = struct{}{}
	}
	var kept backlog
	for _, earlier := range p.backlogs[key].without(rule.Name) {
		if len(earlier.pending) == 0 {
			kept = append(kept, earlier)
			continue
		}
		maps.Copy(begun.versions, earlier.versions)
	}
	p.backlogs[key] = append(kept, begun)
	p.signal(key, begun)
	return true
}

// signal lets the rules' reconciler look at the rules of a round. It looks by itself
// after a while, so a full channel does no harm.
func (p *reprocessing) signal(key backlogKey, r *round) {
	for name := range r.versions {
		rule := &v1alpha1.AutomationRule{ObjectMeta: metav1.ObjectMeta{Namespace: key.namespace, Name: name}}
		select {
		case p.rules <- event.GenericEvent{Object: rule}:
		default:
		}
	}
}

// now is the epoch that a reconcile which begins now belongs to.
func (p *reprocessing) now() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.epoch
}

// tried takes a subject off the backlog, if it was processed after that had started. One
// that is tried again, because that did not succeed, no longer keeps the others waiting.
func (p *reprocessing) tried(kind v1alpha1.SubjectKind, subject reconcile.Request, epoch int, succeeded bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := backlogKey{subject.Namespace, kind}
	for _, r := range p.backlogs[key] {
		if r.epoch <= epoch && r.tried(subject.Name, succeeded) {
			p.signal(key, r)
		}
	}
}

// tried reports whether the rules have to hear of it: all were tried, or are done.
func (r *round) tried(subject string, succeeded bool) bool {
	if r.left() == 0 {
		return false
	}
	allTried := len(r.pending) == 0
	_, pending := r.pending[subject]
	delete(r.pending, subject)
	switch {
	case succeeded:
		delete(r.retrying, subject)
	case pending:
		r.retrying[subject] = struct{}{}
	}
	return r.left() == 0 || (!allTried && len(r.pending) == 0)
}

// left is how many subjects are not done.
func (r *round) left() int { return len(r.pending) + len(r.retrying) }

// of is the round that a rule is in, nil if there is none.
func (b backlog) of(rule string) *round {
	for _, r := range b {
		if _, found := r.versions[rule]; found {
			return r
		}
	}
	return nil
}

// without takes a rule out of all rounds, and leaves out those that are of no other.
func (b backlog) without(rule string) backlog {
	return slices.DeleteFunc(b, func(r *round) bool {
		delete(r.versions, rule)
		return len(r.versions) == 0
	})
}

// of returns how far a rule's subjects are; nil if nothing is known of its version.
func (p *reprocessing) of(rule *v1alpha1.AutomationRule) *v1alpha1.Reprocessing {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.backlogs[keyOf(rule)].of(rule.Name)
	if r == nil || r.versions[rule.Name] != versionOf(rule) {
		return nil
	}
	state := &v1alpha1.Reprocessing{
		Total: int64(r.total), Processed: int64(r.total - r.left()), Retrying: int64(len(r.retrying)),
		StartedAt: new(v1alpha1.NewTimestamp(r.started)),
	}
	if r.left() == 0 {
		state.FinishedAt = new(v1alpha1.NewTimestamp(p.clock.Now()))
	}
	return state
}

// forget ends the counting for a rule.
func (p *reprocessing) forget(key backlogKey, rule string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.backlogs[key] = p.backlogs[key].without(rule); len(p.backlogs[key]) == 0 {
		delete(p.backlogs, key)
	}
}

// left returns how many subjects are left to be done. Those that an older round tries again are
// in the newer ones, too, unless they were done in between.
func (p *reprocessing) left() map[backlogKey]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	left := map[backlogKey]int{}
	for key, b := range p.backlogs {
		for _, r := range b {
			left[key] = max(left[key], r.left())
		}
	}
	return left
}

// watched starts the counting when a rule has changed in a way that puts its subjects
// into the queue.
func (p *reprocessing) watched(f dependents, kind v1alpha1.SubjectKind) func(context.Context, *v1alpha1.AutomationRule, *v1alpha1.AutomationRule, requestSet) error {
	return func(ctx context.Context, old, current *v1alpha1.AutomationRule, into requestSet) error {
		if err := f.subjectsOfRule(kind)(ctx, old, current, into); err != nil || current == nil || current.Spec.Subject != kind {
			return err
		}
		if old != nil && !changedSpec(old, current) && !execution.RerunNoted(old, current) {
			return nil
		}
		if !p.start(current, into) {
			// The rule's reconciler was faster, and they are in the queue.
			clear(into)
		}
		return nil
	}
}

// onResume puts the subjects of a rule into the queue, at low priority.
func (p *reprocessing) onResume(f dependents, kind v1alpha1.SubjectKind) handler.EventHandler {
	return handler.Funcs{GenericFunc: func(ctx context.Context, e event.GenericEvent, q queue) {
		rule, ok := e.Object.(*v1alpha1.AutomationRule)
		if !ok {
			return
		}
		subjects := requestSet{}
		if err := f.subjectsOfRule(kind)(ctx, nil, rule, subjects); err != nil {
			logf.FromContext(ctx).Error(err, "Could not look up the subjects of a rule")
		}
		for subject := range subjects {
			addToQueue(q, subject, 0)
		}
	}}
}

// resume processes the subjects of a rule again that no event has told of: it changed
// while nothing was running, or a process ended before they were done.
func (p *reprocessing) resume(ctx context.Context, f dependents, rule *v1alpha1.AutomationRule) error {
	subjects := requestSet{}
	if err := f.subjectsOfRule(rule.Spec.Subject)(ctx, nil, rule, subjects); err != nil {
		return err
	}
	if !p.start(rule, subjects) || len(subjects) == 0 {
		return nil
	}
	select {
	case p.subjects[rule.Spec.Subject] <- event.GenericEvent{Object: rule.DeepCopy()}:
		return nil
	default:
		p.forget(keyOf(rule), rule.Name)
		return errBusy
	}
}

// progress makes a rule's status tell how far its subjects are, and says when to look
// again. It reports false for a version that is not the newest any more, of which there is
// nothing to say.
func (r *ruleReconciler) progress(ctx context.Context, rule *v1alpha1.AutomationRule) (result ctrl.Result, newest bool, err error) {
	last := rule.Status.Reprocessing
	settled := rule.Status.ObservedGeneration == rule.Generation && (last == nil || last.FinishedAt != nil) &&
		rule.Status.LastRerun == execution.FollowedRerun(rule, rule.Status.LastRerun)
	if settled {
		// A standby that has counted along does not know that the leader until now has finished.
		r.reprocessing.forget(keyOf(rule), rule.Name)
		return ctrl.Result{}, true, nil
	}
	state := r.reprocessing.of(rule)
	if state == nil {
		if err := r.reprocessing.resume(ctx, r.find, rule); err != nil {
			return ctrl.Result{}, true, err
		}
		state = r.reprocessing.of(rule)
	}
	if state == nil {
		// The rule has changed again, and that change is being followed already.
		return ctrl.Result{RequeueAfter: progressInterval}, false, nil
	}
	rule.Status.Reprocessing = state
	if state.FinishedAt != nil {
		rule.Status.LastRerun = execution.FollowedRerun(rule, rule.Status.LastRerun)
		return ctrl.Result{}, true, nil
	}
	return ctrl.Result{RequeueAfter: progressInterval}, true, nil
}

// underWay reports whether some subjects of a rule have not even been tried since it changed.
func underWay(rule *v1alpha1.AutomationRule) bool {
	state := rule.Status.Reprocessing
	return state != nil && state.FinishedAt == nil && state.Processed+state.Retrying < state.Total
}

// told is called when a rule's status is written. It sends the Events.
func (r *ruleReconciler) told(rule, before *v1alpha1.AutomationRule) {
	is, was := rule.Status.Reprocessing, before.Status.Reprocessing
	if is == nil || (was != nil && was.StartedAt.Equal(is.StartedAt) && was.FinishedAt.Equal(is.FinishedAt)) {
		return
	}
	if is.FinishedAt != nil {
		r.reprocessing.forget(keyOf(rule), rule.Name)
	}
	if is.Total == 0 {
		return
	}
	send := func(reason, format string) {
		r.status.Event(rule, nil, corev1.EventTypeNormal, reason, format, is.Total)
	}
	if was == nil || !was.StartedAt.Equal(is.StartedAt) {
		send(eventReprocessingStarted, "The rule has changed, so all its %d subjects are processed again, after what clients push.")
	}
	if is.FinishedAt != nil {
		send(eventReprocessingFinished, "All %d subjects are processed.")
	}
}

// tracked tells reprocessing of the subjects that a reconciler is done with.
type tracked struct {
	reconcile.Reconciler
	reprocessing *reprocessing
	kind         v1alpha1.SubjectKind
	// recheck is the shortest time after which a subject that is done is looked at again.
	recheck time.Duration
}

// Reconcile implements reconcile.Reconciler.
func (t tracked) Reconcile(ctx context.Context, req ctrl.Request) (result ctrl.Result, err error) {
	epoch, panicked := t.reprocessing.now(), true
	defer func() {
		again := result.RequeueAfter > 0 && result.RequeueAfter < t.recheck
		switch {
		// One that panics is tried again like one that fails, and keeps nobody waiting.
		case panicked, err != nil && !errors.Is(ctx.Err(), context.Canceled):
			t.reprocessing.tried(t.kind, req, epoch, false)
		case err == nil && ctx.Err() == nil && !again:
			t.reprocessing.tried(t.kind, req, epoch, true)
		}
	}()
	result, err = t.Reconciler.Reconcile(ctx, req)
	panicked = false
	return result, err
}
