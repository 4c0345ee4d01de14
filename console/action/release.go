package action

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"rservice.dev/scim-operator/api/v1alpha1"
)

// MaxShown is the most subjects that Held names.
const MaxShown = 10

// Held is what the safety brake of a namespace holds, and what releasing it lets happen.
type Held struct {
	Namespace string `json:"namespace"`
	// Endpoint is the ScimEndpoint whose status tells of it.
	Endpoint string `json:"endpoint"`
	// Generation is what Release takes.
	Generation int64 `json:"generation"`
	// Count is how many people it is about, and Effects how many of each effect: somebody can be held for two.
	Count   int                         `json:"count"`
	Effects map[v1alpha1.HeldEffect]int `json:"effects"`
	// Causes is how many are held because of rules, and of the client.
	Causes map[v1alpha1.HeldCause]int `json:"causes"`
	// First are some of them, in the order of their names.
	First []HeldSubject `json:"first"`
}

// HeldSubject is a ScimUser whose Person is held, or a Person without one.
type HeldSubject struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
	// Title is the userName, or a Person's name.
	Title   string                `json:"title"`
	Effects []v1alpha1.HeldEffect `json:"effects"`
	Cause   v1alpha1.HeldCause    `json:"cause,omitempty"`
}

// Each lists the objects of a kind in a namespace, and calls visit with every one, until that wants no more.
type Each = func(ctx context.Context, list client.ObjectList, visit func(client.Object) (bool, error)) error

// Holds says what the brake holds, as far as the endpoint's status tells of it: what is held since has a newer generation, and Release
// of this one does not let go of it. It is nil where nothing is held. It reads all users and Persons, of which each says whether it
// is held, as no field selector does.
func Holds(ctx context.Context, endpoint *v1alpha1.ScimEndpoint, each Each) (*Held, error) {
	told := endpoint.Status.Held
	if told == nil || told.Count == 0 || told.Generation <= told.ReleasedGeneration {
		return nil, nil
	}
	held := &Held{
		Namespace: endpoint.Namespace, Endpoint: endpoint.Name, Generation: told.Generation,
		Effects: map[v1alpha1.HeldEffect]int{}, Causes: map[v1alpha1.HeldCause]int{},
	}
	meant := func(generation int64) bool {
		return told.ReleasedGeneration < generation && generation <= told.Generation
	}
	err := each(ctx, &v1alpha1.ScimUserList{}, func(object client.Object) (bool, error) {
		if user, ok := object.(*v1alpha1.ScimUser); ok && meant(user.Status.HeldGeneration) {
			held.add(HeldSubject{"ScimUser", user.Name, user.Spec.UserName, user.Status.HeldEffects, user.Status.HeldCause})
		}
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	err = each(ctx, &v1alpha1.PersonList{}, func(object client.Object) (bool, error) {
		if person, ok := object.(*v1alpha1.Person); ok && meant(person.Status.HeldGeneration) {
			held.add(HeldSubject{"Person", person.Name, person.Spec.Name, []v1alpha1.HeldEffect{v1alpha1.HeldDisable}, v1alpha1.HeldByClient})
		}
		return true, nil
	})
	return held, err
}

func (h *Held) add(subject HeldSubject) {
	h.Count++
	for _, effect := range subject.Effects {
		h.Effects[effect]++
	}
	if subject.Cause != "" {
		h.Causes[subject.Cause]++
	}
	if len(h.First) < MaxShown {
		h.First = append(h.First, subject)
	}
}

// Release lets happen what the safety brake holds under a generation, and nothing that is held since: of status.held of the endpoint
// the generation that somebody was shown. It fails where that generation is not held any more, or was never told of.
func Release(ctx context.Context, c client.Client, namespace, name string, generation int64) error {
	endpoint := &v1alpha1.ScimEndpoint{}
	if err := c.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, endpoint); err != nil {
		return err
	}
	held := endpoint.Status.Held
	switch {
	case held == nil || generation > held.Generation:
		return fmt.Errorf("ScimEndpoint %s holds no generation %d", name, generation)
	case generation <= held.ReleasedGeneration:
		return fmt.Errorf("generation %d of ScimEndpoint %s is released already", generation, name)
	}
	return annotate(ctx, c, endpoint, v1alpha1.AnnotationReleaseHeld, strconv.FormatInt(generation, 10))
}

// annotate sets one annotation and touches nothing else, whoever writes the object at the same time.
func annotate(ctx context.Context, c client.Client, object client.Object, annotation, value string) error {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]string{annotation: value}}})
	if err != nil {
		return err
	}
	return c.Patch(ctx, object, client.RawPatch("application/merge-patch+json", patch))
}
