package scimserver_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"unicode"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// declared is an attribute as /Schemas has it.
type declared struct {
	Name            string     `json:"name"`
	Type            string     `json:"type"`
	Mutability      string     `json:"mutability"`
	Returned        string     `json:"returned"`
	Uniqueness      string     `json:"uniqueness"`
	MultiValued     bool       `json:"multiValued"`
	Required        bool       `json:"required"`
	CaseExact       bool       `json:"caseExact"`
	CanonicalValues []string   `json:"canonicalValues"`
	SubAttributes   []declared `json:"subAttributes"`
}

// walked is an attribute of a resource type, with the URN of its schema.
type walked struct {
	declared
	urn  string
	core bool
}

func (a walked) path() string { return a.urn + ":" + a.Name }

// of returns the attribute's value in a resource.
func (a walked) of(resource map[string]any) any {
	if !a.core {
		resource, _ = resource[a.urn].(map[string]any)
	}
	return resource[a.Name]
}

// schemaWalk tries every attribute that /Schemas declares of one resource type.
type schemaWalk struct {
	c                scimClient
	endpoint, schema string
	attributes       []walked
	// users are ids for references.
	users  []string
	serial int
}

func newSchemaWalk(ctx SpecContext, c scimClient, resourceType string) *schemaWalk {
	GinkgoHelper()
	rt := c.do(ctx, "GET", "/ResourceTypes/"+resourceType, nil).Body
	w := &schemaWalk{c: c, endpoint: rt["endpoint"].(string), schema: rt["schema"].(string)}
	urns := []string{w.schema}
	extensions, _ := rt["schemaExtensions"].([]any)
	for _, extension := range extensions {
		urns = append(urns, extension.(map[string]any)["schema"].(string))
	}
	for i, urn := range urns {
		var schema struct {
			Attributes []declared `json:"attributes"`
		}
		Expect(json.Unmarshal([]byte(c.do(ctx, "GET", "/Schemas/"+urn, nil).Raw), &schema)).To(Succeed())
		Expect(schema.Attributes).NotTo(BeEmpty())
		for _, a := range schema.Attributes {
			w.attributes = append(w.attributes, walked{a, urn, i == 0})
		}
	}
	for i := range 3 {
		w.users = append(w.users, c.create(ctx, "/Users", user(fmt.Sprintf("reference-%d@example.com", i))))
	}
	return w
}

// value makes up the n-th value of an attribute that a client may write.
func (w *schemaWalk) value(a declared, n int) any {
	switch {
	case a.Name == "manager":
		return map[string]any{"value": w.users[n], "$ref": w.c.base + "/Users/" + w.users[n]}
	case a.Name == "members":
		return []any{map[string]any{"value": w.users[n], "$ref": w.c.base + "/Users/" + w.users[n], "type": "User"}}
	case len(a.CanonicalValues) > 0:
		return a.CanonicalValues[n%len(a.CanonicalValues)]
	}
	w.serial++
	switch a.Type {
	case "string":
		return fmt.Sprintf("%s-Value-%d", a.Name, w.serial)
	case "reference":
		return fmt.Sprintf("https://example.com/%s/%d", a.Name, w.serial)
	case "binary":
		return fmt.Sprintf("MIIB%04d", w.serial)
	case "boolean":
		return n%2 == 0
	}
	Expect(a.Type).To(Equal("complex"))
	object := map[string]any{}
	for _, sub := range a.SubAttributes {
		if sub.Mutability != "readOnly" {
			object[sub.Name] = w.value(sub, n)
		}
	}
	if a.MultiValued {
		return []any{object}
	}
	return object
}

// full is a resource with every attribute that a client may write.
func (w *schemaWalk) full() map[string]any {
	body := map[string]any{}
	for _, a := range w.attributes {
		if a.Mutability == "readOnly" {
			continue
		}
		object := body
		if !a.core {
			if body[a.urn] == nil {
				body[a.urn] = map[string]any{}
			}
			object = body[a.urn].(map[string]any)
		}
		object[a.Name] = w.value(a.declared, 0)
	}
	body["schemas"] = []string{w.schema}
	return body
}

// containing matches a value that has at least what is wanted.
func containing(want any) OmegaMatcher {
	switch want := want.(type) {
	case []any:
		matchers := make([]any, len(want))
		for i := range want {
			matchers[i] = containing(want[i])
		}
		return ContainElements(matchers...)
	case map[string]any:
		all := []OmegaMatcher{Not(BeNil())}
		for name, v := range want {
			all = append(all, HaveKeyWithValue(name, containing(v)))
		}
		return And(all...)
	}
	return Equal(want)
}

func (w *schemaWalk) patch(ctx SpecContext, id, op, path string, value any) answer {
	GinkgoHelper()
	operation := map[string]any{"op": op, "path": path}
	if value != nil {
		operation["value"] = value
	}
	return w.c.do(ctx, "PATCH", w.endpoint+"/"+id+"?attributes="+url.QueryEscape(path), operations(operation))
}

func (w *schemaWalk) read(ctx SpecContext, id, query string) map[string]any {
	GinkgoHelper()
	a := w.c.do(ctx, "GET", w.endpoint+"/"+id+query, nil)
	Expect(a).To(haveStatus(200))
	return a.Body
}

// write checks mutability: by PATCH the attribute is set, replaced and removed, or not.
func (w *schemaWalk) write(ctx SpecContext, id string, a walked, path string) {
	GinkgoHelper()
	for n, op := range []string{"add", "replace"} {
		if a.Mutability == "readOnly" {
			Expect(w.patch(ctx, id, op, path, []any{map[string]any{"value": w.users[0]}})).To(beError(400, "mutability"), op+" "+path)
			continue
		}
		value := w.value(a.declared, n+1)
		Expect(w.patch(ctx, id, op, path, value)).To(haveStatus(200), op+" "+path)
		if a.Returned == "never" {
			Expect(a.of(w.read(ctx, id, ""))).To(BeNil(), path)
			continue
		}
		Expect(a.of(w.read(ctx, id, ""))).To(containing(value), op+" "+path)
		wrong := any(map[string]any{"no": "such"})
		if a.Type == "complex" {
			wrong = 17
		}
		Expect(w.patch(ctx, id, op, path, wrong)).To(beError(400, "invalidValue"), "a wrong type for "+path)
	}
}

func (w *schemaWalk) remove(ctx SpecContext, id string, a walked, path string) {
	GinkgoHelper()
	if a.Mutability == "readOnly" || a.Required {
		Expect(w.patch(ctx, id, "remove", path, nil)).To(beError(400, "mutability"), "remove "+path)
		return
	}
	for range 2 { // the second time there is nothing left
		Expect(w.patch(ctx, id, "remove", path, nil)).To(haveStatus(200), "remove "+path)
		left := BeNil()
		if a.Name == "active" {
			left = Not(BeNil()) // nobody takes it away
		}
		Expect(a.of(w.read(ctx, id, ""))).To(left, "remove "+path)
	}
	Expect(w.patch(ctx, id, "replace", path, w.value(a.declared, 0))).To(haveStatus(200), "replace what is not there: "+path)
}

// project checks returned by the parameters that choose attributes.
func (w *schemaWalk) project(ctx SpecContext, id string, a walked, path string) {
	GinkgoHelper()
	only := w.read(ctx, id, "?attributes="+url.QueryEscape(path))
	top := a.Name
	if !a.core {
		top = a.urn
	}
	Expect(slices.Collect(maps.Keys(only))).To(HaveEach(BeElementOf("schemas", "id", top)), path)
	Expect(a.of(only) != nil).To(Equal(a.Returned != "never"), path)
	without := a.of(w.read(ctx, id, "?excludedAttributes="+url.QueryEscape(path)))
	Expect(without != nil).To(Equal(a.Returned == "always"), path)
}

// search checks that a filter and an order see what is returned, by the declared case rule.
func (w *schemaWalk) search(ctx SpecContext, id, path string, leaf declared, value any) {
	GinkgoHelper()
	find := func(condition string) answer {
		return w.c.do(ctx, "GET", w.endpoint+"?filter="+url.QueryEscape(condition+` and id eq "`+id+`"`), nil)
	}
	sorted := w.c.do(ctx, "GET", w.endpoint+"?sortBy="+url.QueryEscape(path), nil)
	if leaf.Returned == "never" {
		Expect(find(path+" pr")).To(beError(400, "invalidFilter"), path)
		Expect(sorted).To(beError(400, "invalidValue"), path)
		return
	}
	Expect(value).NotTo(BeNil(), path)
	literal, err := json.Marshal(value)
	Expect(err).NotTo(HaveOccurred())
	Expect(find(path+" pr").ids()).To(Equal([]string{id}), path)
	Expect(find(path+" eq "+string(literal)).ids()).To(Equal([]string{id}), path)
	Expect(find(path+" ne "+string(literal)).ids()).To(BeEmpty(), path)
	if leaf.Type == "string" {
		other := strings.Map(func(r rune) rune {
			if unicode.IsUpper(r) {
				return unicode.ToLower(r)
			}
			return unicode.ToUpper(r)
		}, string(literal))
		want := []string{id}
		if leaf.CaseExact {
			want = []string{}
		}
		Expect(find(path+" eq "+other).ids()).To(Equal(want), path)
	}
	if leaf.Type == "binary" {
		Expect(sorted).To(beError(400, "invalidValue"), path)
	} else {
		Expect(sorted).To(haveStatus(200), path)
		Expect(sorted.ids()).To(ContainElement(id), path)
	}
}

func (w *schemaWalk) searchAll(ctx SpecContext, id string, a walked, path string) {
	GinkgoHelper()
	value := a.of(w.read(ctx, id, ""))
	if a.Type != "complex" {
		w.search(ctx, id, path, a.declared, value)
		return
	}
	if list, ok := value.([]any); ok {
		value = list[0]
	}
	object, _ := value.(map[string]any)
	for _, sub := range a.SubAttributes {
		// The display name of a manager is nothing that the server knows.
		if sub.Name != "displayName" || a.Name != "manager" {
			w.search(ctx, id, path+"."+sub.Name, sub, object[sub.Name])
		}
	}
}

var _ = Describe("Every attribute that /Schemas declares", func() {
	for _, resourceType := range []string{"User", "Group"} {
		It("is written, returned, found and sorted as declared, of a "+resourceType, func(ctx SpecContext) {
			c, _, _ := connect(ctx)
			w := newSchemaWalk(ctx, c, resourceType)
			body := w.full()
			created := c.do(ctx, "POST", w.endpoint, body)
			Expect(created).To(haveStatus(201), created.Raw)
			id := created.id()
			if resourceType == "User" {
				c.create(ctx, "/Groups", group("Guides", id)) // so that groups has a value
			}
			for _, a := range w.attributes {
				want := a.of(body)
				if a.Returned == "never" {
					Expect(a.of(created.Body)).To(BeNil(), a.path())
				} else if a.Mutability != "readOnly" {
					Expect(a.of(created.Body)).To(containing(want), a.path())
				}
				if a.Uniqueness == "server" {
					again := w.full()
					again[a.Name] = want
					Expect(c.do(ctx, "POST", w.endpoint, again)).To(beError(409, "uniqueness"), a.path())
				}
				for _, path := range []string{a.path(), strings.ToUpper(a.path())} {
					w.write(ctx, id, a, path)
					w.project(ctx, id, a, path)
					w.searchAll(ctx, id, a, path)
					w.remove(ctx, id, a, path)
				}
			}
		})
	}
})
