package verdict

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// maxMessage is the most bytes of a condition's message, which is also the most
// that an Event's note holds.
const maxMessage = 1024

// outlook says what happens next with an object, and so which condition goes
// along with Ready. Its zero value is that there is nothing to do here for now.
type outlook int

const (
	// stalled means that nothing will change until somebody edits an object.
	stalled outlook = iota + 1
	// retrying means that the controller goes on by itself.
	retrying
)

// Verdict is what a reconcile found out about an object. It is computed once and
// then becomes the object's conditions. Its message never holds values that the
// client sent, and no secret.
type Verdict struct {
	Ready   metav1.ConditionStatus
	Reason  string
	Message string
	outlook outlook
}

// Ready is for what is as it should be.
func Ready(reason, message string) Verdict {
	return Verdict{Ready: metav1.ConditionTrue, Reason: reason, Message: message}
}

// Stalled is for what somebody has to repair.
func Stalled(reason, message string) Verdict {
	return Verdict{Ready: metav1.ConditionFalse, Reason: reason, Message: message, outlook: stalled}
}

// Waiting is for what is complete as soon as another object is there. It goes on by
// itself then, so it is not Stalled, and what waits for the object (kstatus) waits, too.
func Waiting(reason, message string) Verdict {
	return Verdict{Ready: metav1.ConditionFalse, Reason: reason, Message: message}
}

// UnderWay is for what the controller is at, and does not know yet how it ends.
func UnderWay(reason, message string) Verdict {
	return Verdict{Ready: metav1.ConditionUnknown, Reason: reason, Message: message, outlook: retrying}
}

// IsStalled reports whether somebody has to repair something.
func (v Verdict) IsStalled() bool { return v.outlook == stalled }

// Retrying is for a passing failure. Its message names the kind of error only,
// so that it does not change from one try to the next.
func Retrying(err error) Verdict {
	return Verdict{
		Ready:   metav1.ConditionFalse,
		Reason:  v1alpha1.ReasonRetrying,
		Message: "The last try failed for a passing cause (" + errorKind(err) + ") and is repeated.",
		outlook: retrying,
	}
}

// apply sets the conditions: Ready always, Reconciling and Stalled only while
// they are True.
func (v Verdict) apply(conditions *[]metav1.Condition, generation int64, now metav1.Time) {
	set := func(conditionType string, status metav1.ConditionStatus) {
		meta.SetStatusCondition(conditions, metav1.Condition{
			Type: conditionType, Status: status, Reason: v.Reason, Message: Truncate(v.Message),
			ObservedGeneration: generation, LastTransitionTime: now,
		})
	}
	set(v1alpha1.ConditionReady, v.Ready)
	for conditionType, wanted := range map[string]bool{
		v1alpha1.ConditionStalled:     v.outlook == stalled,
		v1alpha1.ConditionReconciling: v.outlook == retrying,
	} {
		if wanted {
			set(conditionType, metav1.ConditionTrue)
		} else {
			meta.RemoveStatusCondition(conditions, conditionType)
		}
	}
}

// matches reports whether the conditions of a record already say this, whatever generation
// they were set at. Without any, nothing is wrong with it.
func (v Verdict) matches(conditions []metav1.Condition) bool {
	if len(conditions) == 0 {
		return v.Ready == metav1.ConditionTrue
	}
	ready := meta.FindStatusCondition(conditions, v1alpha1.ConditionReady)
	return ready != nil && ready.Status == v.Ready && ready.Reason == v.Reason && ready.Message == Truncate(v.Message) &&
		meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionStalled) == (v.outlook == stalled) &&
		meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionReconciling) == (v.outlook == retrying)
}

// Truncate cuts a message to maxMessage bytes, between two characters. What it ends
// with is kept.
func Truncate(message string, end ...string) string {
	const ellipsis = "…"
	last := strings.Join(end, "")
	if len(message)+len(last) <= maxMessage {
		return message + last
	}
	cut := maxMessage - len(last) - len(ellipsis)
	for !utf8.RuneStart(message[cut]) {
		cut--
	}
	return message[:cut] + ellipsis + last
}

// FirstOf lists names for a message: the first few, and how many there are.
func FirstOf(names []string) string {
	const most = 3
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
