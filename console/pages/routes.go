package pages

// routes are the pages and actions of a namespace.
func (s *server) routes() map[string]handler {
	return map[string]handler{
		"GET /{namespace}/{$}":           s.overview,
		"GET /{namespace}/find":          s.find,
		"GET /{namespace}/users":         s.users,
		"GET /{namespace}/groups":        s.groups,
		"GET /{namespace}/persons":       s.persons,
		"GET /{namespace}/organizations": s.organizations,
		"GET /{namespace}/sites":         s.sites,
		"GET /{namespace}/executions":    s.executions,
		"GET /{namespace}/rules":         s.rules,

		"GET /{namespace}/users/{name}":         s.subject("users"),
		"GET /{namespace}/groups/{name}":        s.subject("groups"),
		"GET /{namespace}/persons/{name}":       s.subject("persons"),
		"GET /{namespace}/organizations/{name}": s.subject("organizations"),
		"GET /{namespace}/sites/{name}":         s.subject("sites"),
		"GET /{namespace}/executions/{name}":    s.execution,
		"GET /{namespace}/rules/{name}":         s.rule,

		"GET /{namespace}/rules/{name}/edit":   s.edit,
		"POST /{namespace}/rules/{name}/edit":  s.check,
		"POST /{namespace}/rules/{name}/apply": s.apply,

		"POST /{namespace}/users/{name}/rerun":          s.rerun("users"),
		"POST /{namespace}/groups/{name}/rerun":         s.rerun("groups"),
		"POST /{namespace}/rules/{name}/rerun":          s.rerun("rules"),
		"GET /{namespace}/users/{name}/delete-record":   s.confirmDelete("users"),
		"GET /{namespace}/groups/{name}/delete-record":  s.confirmDelete("groups"),
		"POST /{namespace}/users/{name}/delete-record":  s.deleteRecord("users"),
		"POST /{namespace}/groups/{name}/delete-record": s.deleteRecord("groups"),
		"GET /{namespace}/endpoints/{name}/release":     s.confirmRelease,
		"POST /{namespace}/endpoints/{name}/release":    s.release,
	}
}
