package bookinfo

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"unicode"
)

// sessionCookie holds the name of the user who is logged in, base64url-encoded. It is not signed: like the sample
// that it follows, the page lets anyone log in as anyone.
const sessionCookie = "session"

// maxUser bounds a user name, in bytes.
const maxUser = 128

// login serves POST /login with the form field username; every password is right.
func login(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	user := strings.TrimSpace(r.FormValue("username"))
	if !validUser(user) {
		http.Error(w, "The user name must be 1 to 128 bytes long and without control characters.", http.StatusBadRequest)
		return
	}
	setSession(w, base64.RawURLEncoding.EncodeToString([]byte(user)), 0)
	http.Redirect(w, r, back(r), http.StatusFound)
}

// logout serves GET /logout.
func logout(w http.ResponseWriter, r *http.Request) {
	setSession(w, "", -1)
	http.Redirect(w, r, back(r), http.StatusFound)
}

func setSession(w http.ResponseWriter, value string, maxAge int) {
	http.SetCookie(w, &http.Cookie{
		Name: sessionCookie, Value: value, MaxAge: maxAge,
		Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// currentUser returns who is logged in, "" for nobody.
func currentUser(r *http.Request) string {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil {
		return ""
	}
	user, err := base64.RawURLEncoding.DecodeString(cookie.Value)
	if err != nil || !validUser(string(user)) {
		return ""
	}
	return string(user)
}

// validUser keeps names out that cannot travel in a header.
func validUser(user string) bool {
	return user != "" && len(user) <= maxUser && strings.IndexFunc(user, unicode.IsControl) < 0
}

// back returns the path of the page that the request came from. Only the path: neither another site nor a
// protocol-relative "//host" may come out of a header.
func back(r *http.Request) string {
	from, err := url.Parse(r.Referer())
	if err != nil || !strings.HasPrefix(from.Path, "/") || strings.HasPrefix(from.Path, "//") || strings.Contains(from.Path, `\`) {
		return "/productpage"
	}
	return (&url.URL{Path: from.Path, RawQuery: from.RawQuery}).String()
}
