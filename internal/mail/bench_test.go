package mail_test

import (
	"testing"

	"syncd/internal/mail"
)

// BenchmarkParse reads the fields of an ordinary reply as a server sends them.
func BenchmarkParse(b *testing.B) {
	block := []byte("Date: Mon, 4 May 2026 10:21:07 +0200\r\n" +
		"From: =?UTF-8?Q?In=C3=A8s_M=C3=BCller?= <ines.mueller@example.com>\r\n" +
		"To: Ana Bauer <ana@example.org>, \"Costa, Ben\" <ben@example.net>\r\n" +
		"Cc: carla@example.net (Carla Dubois)\r\n" +
		"Subject: Re: notes from Tuesday\r\n" +
		"Message-ID: <5f1c0a7d93b2.71@mx.example.com>\r\n" +
		"In-Reply-To: <9b1d6a10.70@mx.example.org>\r\n" +
		"References: <0c2f5b7e.68@mx.example.com>\r\n <77aa3d21.69@mx.example.org>\r\n <9b1d6a10.70@mx.example.org>\r\n" +
		"Content-Type: multipart/alternative;\r\n boundary=\"b1\"\r\n" +
		"Return-Path: <ines.mueller@example.com>\r\n" +
		"Delivered-To: ana@example.org\r\n" +
		"Authentication-Results: mail.example.org; dkim=pass header.d=example.com;\r\n spf=pass smtp.mailfrom=ines.mueller@example.com\r\n\r\n")
	b.SetBytes(int64(len(block)))
	b.ReportAllocs()
	for b.Loop() {
		mail.Parse(block, received)
	}
}
