package story

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"rservice.dev/scim-operator/api/v1alpha1"
	"rservice.dev/scim-operator/controllers/rules"
)

// maxValue is the most characters of an attribute's or field's value in a story.
const maxValue = 1024

// notSent are fields of a spec that the client does not send as such.
var notSent = []string{"provisionedAt", "lastModified", "requestID", "tokenID", "members", "pages", "groups", "membersRevision"}

// tellSent tells what the client sent and when.
func (t *teller) tellSent(context.Context) error {
	source := t.source()
	if source == nil {
		return nil
	}
	sent := &Sent{By: subjectOf(source), RequestID: v1alpha1.RequestID(source), Generation: source.GetGeneration()}
	if at := source.GetDeletionTimestamp(); at != nil {
		sent.DeletedAt = at.Time
	}
	var spec any
	if t.user != nil {
		spec, sent.ProvisionedAt, sent.LastModified = t.user.Spec, t.user.Spec.ProvisionedAt.Time, t.user.Spec.LastModified.Time
		sent.TokenID, sent.Processed, sent.Active = t.user.Spec.TokenID, t.user.Status.ObservedGeneration, new(t.user.IsActive())
	} else {
		spec, sent.ProvisionedAt, sent.LastModified = t.group.Spec, t.group.Spec.ProvisionedAt.Time, t.group.Spec.LastModified.Time
		sent.TokenID, sent.Processed, t.story.Members = t.group.Spec.TokenID, t.group.Status.ObservedGeneration, t.group.Status.Members
	}
	if sent.TokenID == "" {
		sent.TokenID = source.GetAnnotations()[v1alpha1.AnnotationTokenID]
	}
	if sent.ProvisionedAt.IsZero() {
		sent.ProvisionedAt = source.GetCreationTimestamp().Time
	}
	sent.Endpoint = t.endpointOf(sent.TokenID)
	t.story.Sent = sent
	var err error
	t.story.Stored, err = Attributes(spec)
	return err
}

// endpointOf is the endpoint that has a token of this id, "" for none.
func (t *teller) endpointOf(token string) string {
	for _, endpoint := range t.endpoints {
		if slices.ContainsFunc(endpoint.Status.Tokens, func(s v1alpha1.TokenStatus) bool { return s.ID == token }) {
			return endpoint.Name
		}
	}
	return ""
}

// Attributes are those of the spec of a ScimUser or ScimGroup that a client has sent, in the order of its definition, as text. Members are
// none of them.
func Attributes(spec any) ([]Attribute, error) {
	encoded, err := json.Marshal(spec)
	if err != nil {
		return nil, fmt.Errorf("tell what is stored: %w", err)
	}
	var found []Attribute
	err = members(encoded, func(name string, value json.RawMessage) error {
		if slices.Contains(notSent, name) {
			return nil
		}
		return flatten(name, value, func(a Attribute) { found = append(found, a) })
	})
	return found, err
}

// flatten gives the attributes within a value.
func flatten(name string, value json.RawMessage, add func(Attribute)) error {
	switch value[0] {
	case '{':
		return members(value, func(member string, of json.RawMessage) error { return flatten(name+"."+member, of, add) })
	case '[':
		var items []json.RawMessage
		if err := json.Unmarshal(value, &items); err != nil {
			return fmt.Errorf("tell attribute %s: %w", name, err)
		}
		for i, item := range items {
			add(Attribute{Name: fmt.Sprintf("%s[%d]", name, i), Value: itemText(item)})
		}
		return nil
	}
	add(Attribute{Name: name, Value: scalarText(value)})
	return nil
}

// itemText is a value of a multi-valued attribute: what it is, and behind it how it is marked.
func itemText(item json.RawMessage) string {
	var of struct {
		Value   string `json:"value"`
		Display string `json:"display"`
		Type    string `json:"type"`
		Primary bool   `json:"primary"`
	}
	if json.Unmarshal(item, &of) != nil || of.Value == "" {
		return scalarText(item)
	}
	var marks []string
	if of.Display != "" && of.Display != of.Value {
		marks = append(marks, of.Display)
	}
	if of.Type != "" {
		marks = append(marks, of.Type)
	}
	if of.Primary {
		marks = append(marks, "primary")
	}
	if len(marks) == 0 {
		return rules.Cut(of.Value, maxValue)
	}
	return rules.Cut(of.Value, maxValue) + " (" + strings.Join(marks, ", ") + ")"
}

// scalarText is a text without quotes, and anything else as JSON.
func scalarText(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) != nil {
		text = string(value)
	}
	return rules.Cut(text, maxValue)
}

// members calls visit with the members of an object in their order.
func members(object json.RawMessage, visit func(name string, value json.RawMessage) error) error {
	decoder := json.NewDecoder(bytes.NewReader(object))
	if _, err := decoder.Token(); err != nil {
		return fmt.Errorf("read an object: %w", err)
	}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return fmt.Errorf("read an object: %w", err)
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return fmt.Errorf("read an object: %w", err)
		}
		if err := visit(fmt.Sprint(name), value); err != nil {
			return err
		}
	}
	return nil
}

// timeOf is a time of a condition; what the API server has as 1970 by default is none.
func timeOf(at metav1.Time) time.Time {
	if at.Unix() <= 0 {
		return time.Time{}
	}
	return at.Time
}
