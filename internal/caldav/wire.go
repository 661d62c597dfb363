package caldav

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"

	"syncd/internal/webdav"
)

// put and remove are go-webdav's. It takes the path for the address, without
// escapes, and sends its own spelling of it to one host; so it is told the path
// for the sake of its interface, and webdav.At says where to go.
//
// The rest of a conversation is ours (docs/architecture.md says why): the library
// never sees what a server says in XML, nor what it stores as iCalendar.

// put stores an object as it is: gocaldav.PutCalendarObject would write it anew,
// with the lines unfolded and line ends in parameters let through.
func (s *Session) put(ctx context.Context, address string, data []byte) (etag string, err error) {
	var a webdav.Answer
	w, err := s.objects.Create(webdav.At(ctx, address, &a), webdav.PathOf(address))
	if err != nil {
		return "", writing(err)
	}
	_, err = w.Write(data)
	// A request that ends early fails the Write; why, says Close.
	if failed := w.Close(); failed != nil {
		err = failed
	}
	return a.ETag, writing(err)
}

// get reads one object.
func (s *Session) get(ctx context.Context, address string) (data []byte, etag string, err error) {
	data, a, err := s.home.Get(ctx, address)
	return data, a.ETag, err
}

// version asks for the ETag of one object.
func (s *Session) version(ctx context.Context, address string) (etag string, err error) {
	status := 0
	_, err = s.home.Propfind(ctx, address, "0", []xml.Name{webdav.GetETag}, func(r webdav.Response) error {
		etag, status = r.ETag(), r.Status
		return nil
	})
	if err == nil && (status == http.StatusNotFound || status == http.StatusGone) {
		err = ErrGone
	}
	return etag, err
}

// create stores an object only if there is none.
func (s *Session) create(ctx context.Context, address string, data []byte) (etag string, err error) {
	return s.put(webdav.IfNoneMatchAny(ctx), address, data)
}

// replace stores an object only if it has that ETag; "" means that the server
// gives none that could be compared.
func (s *Session) replace(ctx context.Context, address, etag string, data []byte) (string, error) {
	return s.put(ifMatch(ctx, etag), address, data)
}

// remove deletes an object only if it has that ETag, as in replace.
func (s *Session) remove(ctx context.Context, address, etag string) error {
	return writing(s.objects.RemoveAll(webdav.At(ifMatch(ctx, etag), address, &webdav.Answer{}), webdav.PathOf(address)))
}

func ifMatch(ctx context.Context, etag string) context.Context {
	if etag == "" {
		return ctx
	}
	return webdav.IfMatch(ctx, etag)
}

// writing puts an error of a request that writes into our words. What may pass
// by itself (a login, a lock, an overload, a fault of the server) is no refusal.
func writing(err error) error {
	var status *webdav.StatusError
	switch {
	case errors.Is(err, webdav.ErrChanged):
		return fmt.Errorf("%w: %w", ErrChanged, err)
	case errors.Is(err, webdav.ErrRedirected):
		return fmt.Errorf("%w: %w", ErrNotOwn, err)
	case !errors.As(err, &status), errors.Is(err, webdav.ErrNotFound), errors.Is(err, webdav.ErrUnauthorized):
		return err
	}
	switch code := status.Code; {
	case code == http.StatusLocked, code == http.StatusTooManyRequests:
		return err
	case code/100 == 4, code == http.StatusNotImplemented, code == http.StatusInsufficientStorage:
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return err
}
