package scim

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// The tests below compare PATCH with a model of a user that has one member for
// each attribute and changes it directly, as RFC 7644 section 3.5.2 says in words.

type modelMail struct{ value, kind, primary string }

func (m modelMail) same(other modelMail) bool {
	return strings.EqualFold(m.value, other.value) && strings.EqualFold(m.kind, other.kind)
}

// modelUser has "" for what is unassigned; booleans are "true" and "false".
type modelUser struct {
	title, active, given, family, department, manager string
	mails                                             []modelMail
}

func (u *modelUser) clone() *modelUser {
	out := *u
	out.mails = slices.Clone(u.mails)
	return &out
}

func modelOf(res Resource) *modelUser {
	text := func(v any) string {
		switch v := v.(type) {
		case bool:
			return map[bool]string{true: "true", false: "false"}[v]
		case string:
			return v
		default:
			return ""
		}
	}
	enterprise, name := res.Complex(EnterpriseURN), res.Complex("name")
	u := &modelUser{title: text(res["title"]), active: text(res["active"]), given: text(name["givenName"]), family: text(name["familyName"]),
		department: text(enterprise["department"]), manager: text(asMap(enterprise["manager"])["value"])}
	for _, element := range res.Values("emails") {
		m := asMap(element)
		u.mails = append(u.mails, modelMail{text(m["value"]), text(m["type"]), text(m["primary"])})
	}
	return u
}

// modelOperation is one operation as JSON and as a change of the model, which returns the scimType of its error.
type modelOperation struct {
	json   object
	change func(u *modelUser) (scimType string)
}

type modelPatches struct{ modelFilters }

// operation makes one of the operations that the model knows.
func (r modelPatches) operation() modelOperation {
	switch r.IntN(4) {
	case 0:
		return r.mails()
	case 1:
		return r.selectedMails()
	case 2:
		return r.withoutPath()
	default:
		return r.text()
	}
}

// texts are the single-valued attributes: a path, and the place in the model.
var modelPlaces = map[string]func(u *modelUser) *string{
	"title":                          func(u *modelUser) *string { return &u.title },
	"active":                         func(u *modelUser) *string { return &u.active },
	"name.givenName":                 func(u *modelUser) *string { return &u.given },
	"name.familyName":                func(u *modelUser) *string { return &u.family },
	EnterpriseURN + ":department":    func(u *modelUser) *string { return &u.department },
	EnterpriseURN + ":manager.value": func(u *modelUser) *string { return &u.manager },
}

// value makes a value for a single-valued attribute, and what it becomes; null becomes "".
func (r modelPatches) value(path string) (sent any, kept string) {
	switch {
	case r.IntN(6) == 0:
		return nil, ""
	case path != "active":
		kept = pick(r.Rand, []string{"a", "A", "b"})
		return kept, kept
	default:
		kept = pick(r.Rand, []string{"true", "false"})
		if maybe(r.Rand) {
			return kept == "true", kept
		}
		return r.letters(kept), kept
	}
}

func (r modelPatches) text() modelOperation {
	path := pick(r.Rand, sortedKeys(modelPlaces))
	sent, kept := r.value(path)
	op := pick(r.Rand, []Op{OpAdd, OpReplace, OpRemove})
	operation := object{"op": r.letters(string(op)), "path": r.letters(path)}
	if op != OpRemove {
		operation["value"] = sent
	}
	return modelOperation{operation, func(u *modelUser) string {
		if op == OpRemove {
			kept = ""
		}
		u.set(path, op, kept)
		return ""
	}}
}

// set sets a single-valued attribute. Null, "", adds nothing, and takes away anything but active.
func (u *modelUser) set(path string, op Op, kept string) {
	if kept != "" || op != OpAdd && path != "active" {
		*modelPlaces[path](u) = kept
	}
}

// withoutPath sets several attributes at once, in dotted or nested form.
func (r modelPatches) withoutPath() modelOperation {
	op, value, changes := pick(r.Rand, []Op{OpAdd, OpReplace}), object{}, map[string]string{}
	for path := range modelPlaces {
		if !maybe(r.Rand) {
			continue
		}
		var sent any
		sent, changes[path] = r.value(path)
		name, sub, dotted := strings.Cut(path, ".")
		if strings.HasPrefix(path, "urn:") || !dotted || maybe(r.Rand) {
			value[path] = sent
			continue
		}
		if value[name] == nil {
			value[name] = object{}
		}
		value[name].(object)[sub] = sent
	}
	return modelOperation{object{"op": r.letters(string(op)), "value": value}, func(u *modelUser) string {
		for path, kept := range changes {
			u.set(path, op, kept)
		}
		return ""
	}}
}

func (r modelPatches) mail() modelMail {
	m := modelMail{value: pick(r.Rand, []string{"a@x", "A@x", "b@x", "c@x"}), kind: pick(r.Rand, []string{"", "work", "Work", "home"})}
	if r.IntN(3) == 0 {
		m.primary = pick(r.Rand, []string{"true", "false"})
	}
	return m
}

func (m modelMail) object() object {
	out := object{"value": m.value}
	if m.kind != "" {
		out["type"] = m.kind
	}
	if m.primary != "" {
		out["primary"] = m.primary == "true"
	}
	return out
}

// mails adds, replaces or removes values of emails as a whole.
func (r modelPatches) mails() modelOperation {
	op := pick(r.Rand, []Op{OpAdd, OpReplace, OpRemove})
	operation := object{"op": r.letters(string(op)), "path": r.letters("emails")}
	var given []modelMail
	list := []any{}
	for range r.IntN(4) {
		given = append(given, r.mail())
		list = append(list, given[len(given)-1].object())
	}
	if op != OpRemove || len(list) > 0 {
		operation["value"] = list
	}
	return modelOperation{operation, func(u *modelUser) string {
		switch op {
		case OpRemove:
			u.mails = slices.DeleteFunc(u.mails, func(m modelMail) bool {
				return len(given) == 0 || slices.ContainsFunc(given, m.listed)
			})
			return ""
		case OpReplace:
			u.mails = nil
		}
		return u.add(given)
	}}
}

// listed reports whether a value has all that one in a list to remove names.
func (m modelMail) listed(wanted modelMail) bool {
	return strings.EqualFold(m.value, wanted.value) && (wanted.kind == "" || strings.EqualFold(m.kind, wanted.kind)) &&
		(wanted.primary == "" || m.primary == wanted.primary)
}

// add adds what is not there, and tells what is there whether it is primary. One value stays primary.
func (u *modelUser) add(given []modelMail) string {
	var unique []modelMail
	for _, m := range given {
		i := slices.IndexFunc(unique, m.same)
		if i < 0 {
			unique = append(unique, m)
		} else if m.primary == "true" {
			unique[i].primary = "true"
		}
	}
	primaries := 0
	for _, m := range unique {
		if m.primary == "true" {
			primaries++
		}
		i := slices.IndexFunc(u.mails, m.same)
		switch {
		case i < 0:
			u.mails = append(u.mails, m)
		case m.primary != "":
			u.mails[i].primary = m.primary
		}
	}
	if primaries > 1 {
		return TypeInvalidValue
	}
	for _, m := range unique {
		if m.primary == "true" {
			u.makePrimary(slices.IndexFunc(u.mails, m.same))
		}
	}
	return ""
}

func (u *modelUser) makePrimary(index int) {
	for i := range u.mails {
		if i != index && u.mails[i].primary == "true" {
			u.mails[i].primary = "false"
		}
	}
}

// merge leaves the first of values that are the same.
func (u *modelUser) merge() {
	var out []modelMail
	for _, m := range u.mails {
		if i := slices.IndexFunc(out, m.same); i < 0 {
			out = append(out, m)
		} else if m.primary == "true" {
			out[i].primary = "true"
		}
	}
	u.mails = out
}

// selectedMails changes the values that a filter on their type selects, or the address in them.
func (r modelPatches) selectedMails() modelOperation {
	op, kind, address := pick(r.Rand, []Op{OpAdd, OpReplace, OpRemove}), pick(r.Rand, []string{"work", "home", "other"}), pick(r.Rand, []string{"a@x", "b@x"})
	path := r.letters("emails") + "[" + r.letters("type eq ") + `"` + r.letters(kind) + `"]`
	filter := strings.Split(path, `"`)[1]
	operation := object{"op": string(op), "path": path}
	whole := op == OpRemove || op == OpReplace && maybe(r.Rand)
	switch {
	case op == OpRemove:
	case whole:
		operation["value"] = object{"value": address, "type": kind}
	default:
		operation["path"], operation["value"] = path+r.letters(".value"), address
	}
	return modelOperation{operation, func(u *modelUser) string {
		matched := false
		for i := range u.mails {
			if !strings.EqualFold(u.mails[i].kind, kind) {
				continue
			}
			matched = true
			if whole {
				u.mails[i] = modelMail{value: address, kind: kind}
			} else {
				u.mails[i].value = address
			}
		}
		switch {
		case op == OpRemove:
			u.mails = slices.DeleteFunc(u.mails, func(m modelMail) bool { return strings.EqualFold(m.kind, kind) })
		case !matched && op == OpReplace:
			return TypeNoTarget
		case !matched:
			u.mails = append(u.mails, modelMail{value: address, kind: filter})
		default:
			u.merge()
		}
		return ""
	}}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// FuzzPatchAgainstModel compares PATCH with the model. Every seed stands for a user and some requests, one after the other.
func FuzzPatchAgainstModel(f *testing.F) {
	for seed := range uint64(500) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		r := modelPatches{modelFilters{rand.New(rand.NewPCG(seed, 2))}}
		res, model := mustDecode(t, User, `{"userName":"u"}`), &modelUser{}
		for range 8 {
			next, want := model.clone(), ""
			var operations []any
			for range 1 + r.IntN(3) {
				operation := r.operation()
				operations = append(operations, operation.json)
				if want == "" {
					want = operation.change(next)
				}
			}
			body, err := json.Marshal(operations)
			if err != nil {
				t.Fatal(err)
			}
			patched, err := patchWith(User, res, string(body), Standard)
			if want != "" {
				if err == nil {
					t.Fatalf("%s should be refused with %s", body, want)
				}
				wantError(t, err, 400, want)
				continue
			}
			if err != nil {
				t.Fatalf("%s: %v", body, err)
			}
			if diff := cmp.Diff(next, modelOf(patched), cmp.AllowUnexported(modelUser{}, modelMail{}), cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("%s of\n%s\n(-want +got):\n%s", body, encodeJSON(map[string]any(res)), diff)
			}
			res, model = patched, next
		}
	})
}
