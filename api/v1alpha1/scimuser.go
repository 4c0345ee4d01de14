package v1alpha1

// IsActive reports whether the client has not deactivated the user.
func (u *ScimUser) IsActive() bool { return u.Spec.IsActive() }

// IsActive reports whether the client has not deactivated the user: one of whom it never said so is active.
func (s *ScimUserSpec) IsActive() bool { return s.Active == nil || *s.Active }

// Identity is what the user is called now.
func (s *ScimUserSpec) Identity() *ScimIdentity {
	return &ScimIdentity{UserName: s.UserName, Name: s.Name, DisplayName: s.DisplayName, Emails: s.Emails}
}

// AsLastActive is the user with what it was called when it was last active. It is the user
// itself, unless that has been active before and is not.
func (u *ScimUser) AsLastActive() *ScimUser {
	last := u.Spec.LastActive
	if u.IsActive() || last == nil {
		return u
	}
	user := *u
	user.Spec.UserName, user.Spec.Name, user.Spec.DisplayName, user.Spec.Emails = last.UserName, last.Name, last.DisplayName, last.Emails
	return &user
}
